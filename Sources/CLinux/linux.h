#include <sys/timerfd.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

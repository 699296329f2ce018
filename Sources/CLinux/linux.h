#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

/* accept4 is declared only under _GNU_SOURCE, which must not be defined in a module's header;
   <sys/socket.h> is left to the module that the standard C library has. */
extern int linux_accept4(int descriptor, void *address, unsigned *length, int flags)
    __asm__("accept4");

/* prctl takes a variable number of arguments, which Swift does not import. */
extern int linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                       unsigned long d) __asm__("prctl");

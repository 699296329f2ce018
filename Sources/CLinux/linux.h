#include <sys/eventfd.h>
#include <sys/timerfd.h>

/* accept4 is declared only under _GNU_SOURCE, which must not be defined in a module's header;
   <sys/socket.h> is left to the module that the standard C library has. */
extern int linux_accept4(int descriptor, void *address, unsigned *length, int flags)
    __asm__("accept4");

/* Likewise fallocate; mode 1 is FALLOC_FL_KEEP_SIZE. */
extern int linux_fallocate(int descriptor, int mode, long offset, long length)
    __asm__("fallocate");

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

/* accept4 is declared only under _GNU_SOURCE, which must not be defined in a module's header;
   <sys/socket.h> is left to the module that the standard C library has. */
extern int linux_accept4(int descriptor, void *address, unsigned *length, int flags)
    __asm__("accept4");

/* Likewise fallocate; mode 1 is FALLOC_FL_KEEP_SIZE. */
extern int linux_fallocate(int descriptor, int mode, long offset, long length)
    __asm__("fallocate");

/* prctl takes a variable number of arguments, which Swift does not import. */
extern int linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                       unsigned long d) __asm__("prctl");

/* Namespaces: unshare and setns are declared only under _GNU_SOURCE, as are the flags. */
extern int linux_unshare(int flags) __asm__("unshare");
extern int linux_setns(int descriptor, int kind) __asm__("setns");
enum {
    linux_mount_namespace = 0x00020000,
    linux_user_namespace = 0x10000000,
    linux_network_namespace = 0x40000000
};

/* ioctl takes a variable number of arguments. */
extern int linux_ioctl(int descriptor, unsigned long request, void *argument) __asm__("ioctl");

/* From ext4's interface: the file system stops at once, and with this flag its journal is not
   written either. */
enum { linux_ext4_no_log_flush = 2 };
static const unsigned long linux_ext4_shutdown = 0x8004587d;

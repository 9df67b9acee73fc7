/* Preloaded into servers that listen on every address and can't be told otherwise: they listen on loopback alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length) {
  struct sockaddr_storage own;
  memset(&own, 0, sizeof own);
  memcpy(&own, address, length < sizeof own ? length : sizeof own);
  struct sockaddr_in *v4 = (struct sockaddr_in *)&own;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&own;
  if (own.ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY)) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (own.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) v6->sin6_addr = in6addr_loopback;
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  return real(fd, (struct sockaddr *)&own, length);
}

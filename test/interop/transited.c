/*
 * Asks a library whether an acceptor takes the realms that a ticket came through. The same source is built on MIT krb5 and on
 * Heimdal; `[capaths]` of KRB5_CONFIG counts.
 *
 * A line of input is the client's realm, the service's, and the contents of `transited`, each in hex behind an "=" and separated by
 * a blank. A line of output is 1 or 0, and of Heimdal's, which decodes first, the realms in hex: "1 =41 =42", or "-" if it
 * cannot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krb5.h>

#define MOST 8192

#ifdef MIT
/* Exported, but in no public header. */
krb5_error_code krb5_check_transited_list(krb5_context, const krb5_data *, const krb5_data *, const krb5_data *);
#endif

struct octets {
    size_t length;
    char data[MOST + 1];
};

static struct octets client, server, contents;

static void die(const char *why) {
    fprintf(stderr, "transited: %s\n", why);
    exit(2);
}

static void from_hex(const char *word, struct octets *into) {
    if (word == NULL || *word != '=' || strlen(word) > 2 * MOST) die("bad line");
    into->length = (strlen(word) - 1) / 2;
    for (size_t i = 0; i < into->length; i++) {
        unsigned octet;
        if (sscanf(word + 1 + 2 * i, "%2x", &octet) != 1) die("bad hex");
        into->data[i] = (char)octet;
    }
    into->data[into->length] = 0;
}

#ifdef MIT
static krb5_data data_of(struct octets *its) {
    return (krb5_data){0, (unsigned)its->length, its->data};
}

static void judge(krb5_context context) {
    krb5_data list = data_of(&contents), from = data_of(&client), to = data_of(&server);
    puts(krb5_check_transited_list(context, &list, &from, &to) == 0 ? "1" : "0");
}
#else
static void judge(krb5_context context) {
    krb5_data list = {contents.length, contents.data};
    char **realms;
    unsigned count;
    if (krb5_domain_x500_decode(context, list, &realms, &count, client.data, server.data) != 0) {
        puts("-");
        return;
    }
    printf("%d", krb5_check_transited(context, client.data, server.data, realms, count, NULL) == 0);
    for (unsigned i = 0; i < count; i++) {
        fputs(" =", stdout);
        for (const char *at = realms[i]; *at != 0; at++) printf("%02x", (unsigned char)*at);
        free(realms[i]);
    }
    free(realms);
    putchar('\n');
}
#endif

int main(void) {
    static char line[6 * MOST];
    krb5_context context;
    if (krb5_init_context(&context) != 0) die("no context");
    while (fgets(line, sizeof line, stdin) != NULL) {
        from_hex(strtok(line, " \n"), &client);
        from_hex(strtok(NULL, " \n"), &server);
        from_hex(strtok(NULL, " \n"), &contents);
        judge(context);
    }
    krb5_free_context(context);
    return 0;
}

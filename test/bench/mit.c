/*
 * What MIT's libgssapi_krb5 takes for the work of a benchmark. Both sides of the context are in this process; the ticket
 * comes from KRB5CCNAME, the service's key from KRB5_KTNAME.
 *
 * A request is a line, its answer a line with the nanoseconds of processor time that the work took:
 *
 *   wrap SEALED SIZE COUNT       gss_wrap of COUNT texts of SIZE octets
 *   unwrap SEALED SIZE COUNT     gss_unwrap of COUNT tokens, made before
 *   make SEALED SIZE COUNT       the same in lines of base 64, as in a reply of one line
 *   read SEALED SIZE COUNT
 *   exchange COUNT               both sides of COUNT exchanges, mutual, and the contexts deleted
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>

static gss_OID_desc host_based_service = {10, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04"};
static gss_OID_desc krb5 = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};

static gss_name_t service;
static gss_cred_id_t acceptor_credential;

static void check(const char *what, OM_uint32 major, OM_uint32 minor) {
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (!GSS_ERROR(major)) return;
    gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &krb5, &more, &text);
    fprintf(stderr, "%s: %08x, %.*s\n", what, major, (int)text.length, (char *)text.value);
    exit(1);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void establish(gss_ctx_id_t *initiator, gss_ctx_id_t *acceptor) {
    OM_uint32 major, minor, flags = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;
    gss_buffer_desc opening = GSS_C_EMPTY_BUFFER, answer = GSS_C_EMPTY_BUFFER, last = GSS_C_EMPTY_BUFFER;
    *initiator = *acceptor = GSS_C_NO_CONTEXT;
    major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, initiator, service, &krb5, flags, 0,
                                 GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &opening, NULL, NULL);
    check("gss_init_sec_context", major, minor);
    major = gss_accept_sec_context(&minor, acceptor, acceptor_credential, &opening, GSS_C_NO_CHANNEL_BINDINGS, NULL,
                                   NULL, &answer, NULL, NULL, NULL);
    check("gss_accept_sec_context", major, minor);
    major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, initiator, service, &krb5, flags, 0,
                                 GSS_C_NO_CHANNEL_BINDINGS, &answer, NULL, &last, NULL, NULL);
    check("gss_init_sec_context", major, minor);
    gss_release_buffer(&minor, &opening);
    gss_release_buffer(&minor, &answer);
    gss_release_buffer(&minor, &last);
}

static void end(gss_ctx_id_t *initiator, gss_ctx_id_t *acceptor) {
    OM_uint32 minor;
    gss_delete_sec_context(&minor, initiator, GSS_C_NO_BUFFER);
    gss_delete_sec_context(&minor, acceptor, GSS_C_NO_BUFFER);
}

static long long exchanges(int count) {
    long long start = now();
    for (int i = 0; i < count; i++) {
        gss_ctx_id_t initiator, acceptor;
        establish(&initiator, &acceptor);
        end(&initiator, &acceptor);
    }
    return now() - start;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static unsigned char values[256];

/* "632 ", base 64, CR LF. */
static void to_line(gss_buffer_t token) {
    OM_uint32 minor;
    const unsigned char *from = token->value;
    size_t length = token->length, at = 4;
    unsigned char *line = malloc((length + 2) / 3 * 4 + 6);
    memcpy(line, "632 ", 4);
    for (size_t i = 0; i < length; i += 3) {
        unsigned group = (unsigned)from[i] << 16;
        if (i + 1 < length) group |= (unsigned)from[i + 1] << 8;
        if (i + 2 < length) group |= from[i + 2];
        line[at++] = alphabet[group >> 18];
        line[at++] = alphabet[group >> 12 & 63];
        line[at++] = i + 1 < length ? alphabet[group >> 6 & 63] : '=';
        line[at++] = i + 2 < length ? alphabet[group & 63] : '=';
    }
    line[at++] = '\r';
    line[at++] = '\n';
    gss_release_buffer(&minor, token);
    token->value = line;
    token->length = at;
}

static void from_line(gss_buffer_t line) {
    const unsigned char *from = line->value;
    size_t end = line->length, at = 0;
    unsigned char *token = malloc(end);
    if (memcmp(from, "632 ", 4) != 0 || memchr(from, '\n', end) != from + end - 1) exit(1);
    end -= 2;
    while (from[end - 1] == '=') end--;
    unsigned group = 0;
    for (size_t i = 4; i < end; i++) {
        unsigned value = values[from[i]];
        if (value > 63) exit(1);
        group = group << 6 | value;
        if ((i & 3) != 0) token[at++] = (unsigned char)(group >> (6 - 2 * (i & 3)));
    }
    free(line->value);
    line->value = token;
    line->length = at;
}

static long long messages(int unwrapping, int in_lines, int sealed, size_t size, int count) {
    OM_uint32 major, minor;
    gss_ctx_id_t initiator, acceptor;
    gss_buffer_desc text = {size, malloc(size + 1)};
    gss_buffer_desc *tokens = calloc((size_t)count, sizeof *tokens);
    memset(text.value, 'x', size);
    establish(&initiator, &acceptor);
    long long start = now();
    for (int i = 0; i < count; i++) {
        major = gss_wrap(&minor, initiator, sealed, GSS_C_QOP_DEFAULT, &text, NULL, &tokens[i]);
        check("gss_wrap", major, minor);
        if (in_lines) to_line(&tokens[i]);
        if (!unwrapping) gss_release_buffer(&minor, &tokens[i]);
    }
    long long spent = now() - start;
    if (unwrapping) {
        start = now();
        for (int i = 0; i < count; i++) {
            gss_buffer_desc opened = GSS_C_EMPTY_BUFFER;
            if (in_lines) from_line(&tokens[i]);
            major = gss_unwrap(&minor, acceptor, &tokens[i], &opened, NULL, NULL);
            check("gss_unwrap", major, minor);
            gss_release_buffer(&minor, &opened);
        }
        spent = now() - start;
        for (int i = 0; i < count; i++) gss_release_buffer(&minor, &tokens[i]);
    }
    end(&initiator, &acceptor);
    free(tokens);
    free(text.value);
    return spent;
}

int main(int argc, char **argv) {
    OM_uint32 major, minor;
    if (argc != 2) return 2;
    gss_buffer_desc name = {strlen(argv[1]), argv[1]};
    major = gss_import_name(&minor, &name, &host_based_service, &service);
    check("gss_import_name", major, minor);
    major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT,
                             &acceptor_credential, NULL, NULL);
    check("gss_acquire_cred", major, minor);
    memset(values, 64, sizeof values);
    for (int i = 0; i < 64; i++) values[(unsigned char)alphabet[i]] = (unsigned char)i;
    char line[128];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int sealed, count;
        size_t size;
        long long spent;
        char work[8];
        if (sscanf(line, "%7s %d %zu %d", work, &sealed, &size, &count) == 4) {
            int unwrapping = strcmp(work, "unwrap") == 0 || strcmp(work, "read") == 0;
            int in_lines = strcmp(work, "make") == 0 || strcmp(work, "read") == 0;
            spent = messages(unwrapping, in_lines, sealed, size, count);
        } else if (sscanf(line, "exchange %d", &count) == 1) spent = exchanges(count);
        else return 2;
        printf("%lld\n", spent);
        fflush(stdout);
    }
    return 0;
}

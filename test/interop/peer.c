/*
 * One side of a GSS-API context, for a driver at the other end of standard input and output. The same source is built
 * on MIT krb5 and on Heimdal.
 *
 *   peer initiate krb5|spnego BINDINGS SERVICE FLAGS     SERVICE as "ftp@host", FLAGS in hex
 *   peer accept   krb5|spnego BINDINGS                   keys from KRB5_KTNAME
 *
 * BINDINGS is "-", or the channel bindings of RFC 2744 as hex: four octets of the initiator's IPv4 address, four of the
 * acceptor's, then application data.
 *
 * A request is a big-endian length of four octets, an operation of one, and its argument. A reply is a length, major
 * and minor status of four octets each, a flag of one, and the result. Replies come in the order of the requests, of
 * which any number may be sent at once.
 *
 *   s  token of the other side, or nothing  ->  flag 1 if the context is complete; token
 *   w  plaintext, W with confidentiality     ->  flag 1 if it is sealed; token
 *   u  token                                 ->  flag 1 if it was sealed; plaintext
 *   m  text                                  ->  GetMIC token
 *   v  length of the token in four octets, token, text  ->  nothing
 *   n                                        ->  nothing; the next token begins a new context
 *   f                                        ->  lines "name value" that tell of the context
 *   e                                        ->  text of the last status that was an error
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gssapi/gssapi.h>
#ifdef MIT
#include <gssapi/gssapi_ext.h>
#endif

static gss_OID_desc krb5 = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego = {6, "\x2b\x06\x01\x05\x05\x02"};
static gss_OID_desc host_based_service = {10, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04"};

static gss_ctx_id_t context = GSS_C_NO_CONTEXT;
static gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
static gss_cred_id_t delegated = GSS_C_NO_CREDENTIAL;
static gss_name_t target = GSS_C_NO_NAME;
static gss_OID mechanism;
static OM_uint32 requested;
static struct gss_channel_bindings_struct bindings;
static gss_channel_bindings_t channel_bindings = GSS_C_NO_CHANNEL_BINDINGS;
static char error_text[1024];

static void die(const char *why) {
    fprintf(stderr, "peer: %s\n", why);
    exit(2);
}

/* Standard input, buffered here so that output is flushed only when nothing more is there to be done. */

static unsigned char input[1 << 16];
static size_t input_at, input_end;

static int read_exactly(unsigned char *into, size_t length) {
    while (length > 0) {
        if (input_at == input_end) {
            fflush(stdout);
            ssize_t got = read(STDIN_FILENO, input, sizeof input);
            if (got <= 0) return 0;
            input_at = 0;
            input_end = (size_t)got;
        }
        size_t part = input_end - input_at < length ? input_end - input_at : length;
        memcpy(into, input + input_at, part);
        input_at += part;
        into += part;
        length -= part;
    }
    return 1;
}

static void reply(OM_uint32 major, OM_uint32 minor, int flag, const void *result, size_t length) {
    uint32_t head[3] = {htonl((uint32_t)(length + 9)), htonl(major), htonl(minor)};
    fwrite(head, 1, sizeof head, stdout);
    putchar(flag != 0);
    if (length > 0) fwrite(result, 1, length, stdout);
}

static void reply_buffer(OM_uint32 major, OM_uint32 minor, int flag, gss_buffer_t result) {
    OM_uint32 ignored;
    reply(major, minor, flag, result->value, result->length);
    gss_release_buffer(&ignored, result);
}

static void append_status(OM_uint32 status, int type) {
    OM_uint32 ignored, more = 0;
    do {
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
        if (GSS_ERROR(gss_display_status(&ignored, status, type, mechanism, &more, &text))) return;
        size_t used = strlen(error_text);
        snprintf(error_text + used, sizeof error_text - used, "%s%.*s", used > 0 ? "; " : "", (int)text.length,
                 (char *)text.value);
        gss_release_buffer(&ignored, &text);
    } while (more != 0);
}

static void remember_error(OM_uint32 major, OM_uint32 minor) {
    if (!GSS_ERROR(major)) return;
    error_text[0] = 0;
    append_status(major, GSS_C_GSS_CODE);
    append_status(minor, GSS_C_MECH_CODE);
}

/* The context. */

static void step(gss_buffer_t token) {
    OM_uint32 major, minor;
    gss_buffer_desc answer = GSS_C_EMPTY_BUFFER;
    if (target != GSS_C_NO_NAME) {
        major = gss_init_sec_context(&minor, credential, &context, target, mechanism, requested, 0, channel_bindings,
                                     token->length > 0 ? token : GSS_C_NO_BUFFER, NULL, &answer, NULL, NULL);
    } else {
        major = gss_accept_sec_context(&minor, &context, credential, token, channel_bindings, NULL, NULL, &answer, NULL,
                                       NULL, &delegated);
    }
    remember_error(major, minor);
    reply_buffer(major, minor, major == GSS_S_COMPLETE, &answer);
}

static void begin_anew(void) {
    OM_uint32 major = GSS_S_COMPLETE, minor = 0;
    if (context != GSS_C_NO_CONTEXT) major = gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    if (delegated != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &delegated);
    reply(major, minor, 0, NULL, 0);
}

static void wrap(gss_buffer_t plaintext, int seal) {
    OM_uint32 minor;
    int sealed = 0;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    OM_uint32 major = gss_wrap(&minor, context, seal, GSS_C_QOP_DEFAULT, plaintext, &sealed, &token);
    remember_error(major, minor);
    reply_buffer(major, minor, sealed, &token);
}

static void unwrap(gss_buffer_t token) {
    OM_uint32 minor;
    int sealed = 0;
    gss_buffer_desc plaintext = GSS_C_EMPTY_BUFFER;
    OM_uint32 major = gss_unwrap(&minor, context, token, &plaintext, &sealed, NULL);
    remember_error(major, minor);
    reply_buffer(major, minor, sealed, &plaintext);
}

static void get_mic(gss_buffer_t text) {
    OM_uint32 minor;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    OM_uint32 major = gss_get_mic(&minor, context, GSS_C_QOP_DEFAULT, text, &token);
    remember_error(major, minor);
    reply_buffer(major, minor, 0, &token);
}

static void verify_mic(gss_buffer_t argument) {
    OM_uint32 minor;
    uint32_t length;
    unsigned char *octets = argument->value;
    if (argument->length < sizeof length) die("no length of a GetMIC token");
    memcpy(&length, octets, sizeof length);
    length = ntohl(length);
    if (length > argument->length - sizeof length) die("bad length of a GetMIC token");
    /* On the heap of its own, so that a sanitizer sees what reads behind it. */
    unsigned char *copy = malloc(length > 0 ? length : 1);
    if (copy == NULL) die("no memory");
    memcpy(copy, octets + sizeof length, length);
    gss_buffer_desc token = {length, copy};
    gss_buffer_desc text = {argument->length - sizeof length - length, octets + sizeof length + length};
    OM_uint32 major = gss_verify_mic(&minor, context, &text, &token, NULL);
    free(copy);
    remember_error(major, minor);
    reply(major, minor, 0, NULL, 0);
}

/* Facts. */

static char facts[4096];

static void add_name(const char *title, gss_name_t name) {
    OM_uint32 minor;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (name == GSS_C_NO_NAME || GSS_ERROR(gss_display_name(&minor, name, &text, NULL))) return;
    size_t used = strlen(facts);
    snprintf(facts + used, sizeof facts - used, "%s %.*s\n", title, (int)text.length, (char *)text.value);
    gss_release_buffer(&minor, &text);
}

static void add_delegated(void) {
    OM_uint32 minor, lifetime = 0;
    gss_name_t name = GSS_C_NO_NAME;
    if (delegated == GSS_C_NO_CREDENTIAL) return;
    if (GSS_ERROR(gss_inquire_cred(&minor, delegated, &name, &lifetime, NULL, NULL))) return;
    add_name("delegated", name);
    gss_release_name(&minor, &name);
}

static void tell_facts(void) {
    OM_uint32 minor, flags = 0;
    int local = 0, open = 0;
    gss_name_t initiator = GSS_C_NO_NAME, acceptor = GSS_C_NO_NAME;
    OM_uint32 major = gss_inquire_context(&minor, context, &initiator, &acceptor, NULL, NULL, &flags, &local, &open);
    facts[0] = 0;
    add_name("initiator", initiator);
    add_name("acceptor", acceptor);
    add_delegated();
    size_t used = strlen(facts);
    snprintf(facts + used, sizeof facts - used, "flags %x\nlocal %d\nopen %d\n", (unsigned)flags, local, open);
    reply(major, minor, open, facts, strlen(facts));
    gss_release_name(&minor, &initiator);
    gss_release_name(&minor, &acceptor);
}

static void perform(int operation, gss_buffer_t argument) {
    switch (operation) {
    case 's': step(argument); break;
    case 'n': begin_anew(); break;
    case 'w': wrap(argument, 0); break;
    case 'W': wrap(argument, 1); break;
    case 'u': unwrap(argument); break;
    case 'm': get_mic(argument); break;
    case 'v': verify_mic(argument); break;
    case 'f': tell_facts(); break;
    case 'e': reply(0, 0, 0, error_text, strlen(error_text)); break;
    default: die("unknown operation");
    }
}

/* Arguments. */

static void acquire(gss_cred_usage_t usage) {
    OM_uint32 minor;
    gss_OID_set_desc mechanisms = {1, mechanism};
    OM_uint32 major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, usage, &credential, NULL, NULL);
    remember_error(major, minor);
    if (GSS_ERROR(major)) die(error_text);
#ifdef MIT
    /* Heimdal has no such call, and offers whatever there are credentials for. */
    if (mechanism != &spnego) return;
    gss_OID_set_desc inside = {1, &krb5};
    major = gss_set_neg_mechs(&minor, credential, &inside);
    remember_error(major, minor);
    if (GSS_ERROR(major)) die(error_text);
#endif
}

static void import_target(char *service) {
    OM_uint32 minor;
    gss_buffer_desc text = {strlen(service), service};
    if (GSS_ERROR(gss_import_name(&minor, &text, &host_based_service, &target))) die("bad service name");
}

static void bind_channel(const char *hex) {
    static unsigned char octets[1024];
    size_t length = strlen(hex) / 2;
    if (strcmp(hex, "-") == 0) return;
    if (length < 8 || length > sizeof octets) die("bad channel bindings");
    for (size_t i = 0; i < length; i++) {
        if (sscanf(hex + 2 * i, "%2hhx", &octets[i]) != 1) die("bad channel bindings");
    }
    bindings.initiator_addrtype = bindings.acceptor_addrtype = GSS_C_AF_INET;
    bindings.initiator_address = (gss_buffer_desc){4, octets};
    bindings.acceptor_address = (gss_buffer_desc){4, octets + 4};
    bindings.application_data = (gss_buffer_desc){length - 8, octets + 8};
    channel_bindings = &bindings;
}

static void release(void) {
    OM_uint32 minor;
    if (context != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    if (delegated != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &delegated);
    if (credential != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &credential);
    if (target != GSS_C_NO_NAME) gss_release_name(&minor, &target);
}

int main(int count, char **arguments) {
    static unsigned char head[5];
    int initiates = count == 6 && strcmp(arguments[1], "initiate") == 0;
    if (!initiates && !(count == 4 && strcmp(arguments[1], "accept") == 0)) die("wrong usage");
    mechanism = strcmp(arguments[2], "spnego") == 0 ? &spnego : &krb5;
    bind_channel(arguments[3]);
    if (initiates) {
        import_target(arguments[4]);
        requested = (OM_uint32)strtoul(arguments[5], NULL, 16);
    }
    acquire(initiates ? GSS_C_INITIATE : GSS_C_ACCEPT);
    while (read_exactly(head, sizeof head)) {
        uint32_t length;
        memcpy(&length, head, sizeof length);
        length = ntohl(length);
        if (length < 1 || length - 1 > 1 << 20) die("bad length");
        /* Each on the heap, and no octet larger than it is: under a sanitizer, what reads behind a token is seen. */
        unsigned char *argument = malloc(length > 1 ? length - 1 : 1);
        if (argument == NULL || !read_exactly(argument, length - 1)) die("input ends inside a request");
        gss_buffer_desc buffer = {length - 1, argument};
        perform(head[4], &buffer);
        free(argument);
    }
    fflush(stdout);
    release();
    return 0;
}

/* A mail filter on Sendmail's libmilter that asks for every step and writes down what it is told.
   step_filter SOCKET LOG: the header X-Seen is added to each message, with the number of its steps. */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *log_path;

struct state {
    int steps;
    size_t body;
};

static struct state *of(SMFICTX *ctx) {
    struct state *s = smfi_getpriv(ctx);
    if (s == NULL) {
        s = calloc(1, sizeof *s);
        smfi_setpriv(ctx, s);
    }
    return s;
}

static void note(SMFICTX *ctx, const char *what, const char *a, const char *b) {
    static const char *const macros[] = {"i", "j", "{daemon_name}", "{mail_addr}", "{rcpt_addr}", "{client_addr}"};
    FILE *out = fopen(log_path, "a");
    if (out == NULL) {
        return;
    }
    fprintf(out, "%s", what);
    if (a != NULL) {
        fprintf(out, " [%s]", a);
    }
    if (b != NULL) {
        fprintf(out, " [%s]", b);
    }
    for (size_t i = 0; ctx != NULL && i < sizeof macros / sizeof *macros; ++i) {
        const char *value = smfi_getsymval(ctx, (char *)macros[i]);
        if (value != NULL) {
            fprintf(out, " %s=%s", macros[i], value);
        }
    }
    fprintf(out, "\n");
    fclose(out);
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address) {
    of(ctx)->steps = 1;
    note(ctx, address != NULL ? "connect" : "connect without an address", name, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *ctx, char *name) {
    ++of(ctx)->steps;
    note(ctx, "helo", name, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_from(SMFICTX *ctx, char **words) {
    ++of(ctx)->steps;
    of(ctx)->body = 0;
    note(ctx, "from", words[0], words[1]);
    return SMFIS_CONTINUE;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **words) {
    ++of(ctx)->steps;
    note(ctx, "rcpt", words[0], words[1]);
    if (strstr(words[0], "refuse") != NULL) {
        smfi_setreply(ctx, "550", "5.7.9", "the filter says no, 100%% sure");
        return SMFIS_REJECT;
    }
    if (strstr(words[0], "lines") != NULL) {
        smfi_setmlreply(ctx, "451", "4.7.9", "first", "second", NULL);
        return SMFIS_TEMPFAIL;
    }
    return SMFIS_CONTINUE;
}

static sfsistat on_data(SMFICTX *ctx) {
    ++of(ctx)->steps;
    note(ctx, "data", NULL, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command) {
    note(ctx, "unknown", command, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value) {
    ++of(ctx)->steps;
    note(NULL, "header", name, value);
    return SMFIS_CONTINUE;
}

static sfsistat on_eoh(SMFICTX *ctx) {
    ++of(ctx)->steps;
    note(ctx, "end of headers", NULL, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *bytes, size_t size) {
    (void)bytes;
    ++of(ctx)->steps;
    of(ctx)->body += size;
    return SMFIS_CONTINUE;
}

static sfsistat on_eom(SMFICTX *ctx) {
    char text[64];
    struct state *s = of(ctx);
    snprintf(text, sizeof text, "%zu bytes, %d steps", s->body, s->steps);
    note(ctx, "end of message", text, NULL);
    smfi_progress(ctx);
    smfi_addheader(ctx, (char *)"X-Seen", text);
    smfi_insheader(ctx, 0, (char *)"X-Top", (char *)"of all\n\tand more");
    smfi_chgheader(ctx, (char *)"Subject", 1, (char *)"changed by C");
    return SMFIS_CONTINUE;
}

static sfsistat on_abort(SMFICTX *ctx) {
    (void)ctx;
    note(NULL, "abort", NULL, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx) {
    free(smfi_getpriv(ctx));
    smfi_setpriv(ctx, NULL);
    note(NULL, "close", NULL, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
                             unsigned long f3, unsigned long *pf0, unsigned long *pf1,
                             unsigned long *pf2, unsigned long *pf3) {
    char text[64];
    (void)f2;
    (void)f3;
    snprintf(text, sizeof text, "actions %#lx, protocol %#lx", f0, f1);
    note(NULL, "negotiate", text, NULL);
    smfi_setsymlist(ctx, SMFIM_ENVRCPT, (char *)"i {rcpt_addr}");
    *pf0 = f0;
    *pf1 = f1 & (SMFIP_RCPT_REJ | SMFIP_HDR_LEADSPC);
    *pf2 = 0;
    *pf3 = 0;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv) {
    struct smfiDesc filter = {(char *)"step_filter", SMFI_VERSION,
                              SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST,
                              on_connect, on_helo, on_from, on_rcpt, on_header, on_eoh, on_body,
                              on_eom, on_abort, on_close, on_unknown, on_data, on_negotiate};
    if (argc != 3) {
        return 2;
    }
    log_path = argv[2];
    umask(0);
    if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS) {
        return 1;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}

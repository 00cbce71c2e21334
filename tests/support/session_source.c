/* Makes SMTP sessions that are short.
 *
 *     session_source ADDRESS PORT LINES SESSIONS greet|full|resumed
 *
 * LINES connections at once, SESSIONS in all, or a few more, for each line makes as many.  `greet`: EHLO and QUIT; else STARTTLS and
 * one message, `resumed`: in the TLS session of the connection before.  Prints how many there were, and the median of one, in
 * milliseconds.  As most clients, it leaves Nagle's algorithm on. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMostLines = 1000, kContent = 4096 };

static struct sockaddr_in server;
static int greets, resumes, each;
static double* took; /* milliseconds, of all sessions */
static SSL_CTX* context;
static char message[kContent + 100];

struct line {
    int number;
    SSL* ssl;
    int fd;
    SSL_SESSION* session;
};

static void fail(const char* doing) {
    fprintf(stderr, "session_source: %s\n", doing);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Reads one reply, of any number of lines, which has to be of this class. */
static void expect(struct line* line, char class) {
    char text[8192];
    int have = 0;
    for (;;) {
        int room = (int)sizeof text - have;
        int got = line->ssl ? SSL_read(line->ssl, text + have, room) : (int)read(line->fd, text + have, (size_t)room);
        if (got <= 0) fail("lost connection");
        have += got;
        if (text[have - 1] != '\n') continue;
        int start = have - 1;
        while (start > 0 && text[start - 1] != '\n') start--;
        if (have - start > 3 && text[start + 3] == ' ') {
            if (text[start] != class) fail("refused");
            return;
        }
    }
}

static void say(struct line* line, const char* text) {
    int length = (int)strlen(text);
    int put = line->ssl ? SSL_write(line->ssl, text, length) : (int)write(line->fd, text, (size_t)length);
    if (put != length) fail("cannot send");
}

static void talk(struct line* line, const char* command, char class) {
    say(line, command);
    expect(line, class);
}

static void begin_tls(struct line* line) {
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, line->fd);
    if (line->session) SSL_set_session(ssl, line->session);
    if (SSL_connect(ssl) != 1) fail("no TLS");
    line->ssl = ssl;
}

static void send_message(struct line* line, int number) {
    talk(line, "STARTTLS\r\n", '2');
    begin_tls(line);
    talk(line, "EHLO client.example.test\r\n", '2');
    if (resumes && number > 0 && !SSL_session_reused(line->ssl)) fail("the session was not resumed");
    talk(line, "MAIL FROM:<load@example.test>\r\n", '2');
    talk(line, "RCPT TO:<u1@virt.test>\r\n", '2');
    talk(line, "DATA\r\n", '3');
    talk(line, message, '2');
}

static void end_tls(struct line* line) {
    if (resumes) {
        SSL_SESSION_free(line->session);
        line->session = SSL_get1_session(line->ssl);
    }
    SSL_shutdown(line->ssl);
    SSL_free(line->ssl);
}

static void one_session(struct line* line, int number) {
    double begun = now();
    line->ssl = NULL;
    line->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(line->fd, (struct sockaddr*)&server, sizeof server) != 0) fail("no connection");
    expect(line, '2');
    talk(line, "EHLO client.example.test\r\n", '2');
    if (!greets) send_message(line, number);
    talk(line, "QUIT\r\n", '2');
    if (line->ssl) end_tls(line);
    close(line->fd);
    took[line->number * each + number] = now() - begun;
}

static void* run(void* argument) {
    for (int number = 0; number < each; ++number) one_session(argument, number);
    return NULL;
}

static int compare(const void* left, const void* right) {
    double a = *(const double*)left, b = *(const double*)right;
    return (a > b) - (a < b);
}

int main(int argc, char** argv) {
    if (argc != 6) fail("usage: session_source ADDRESS PORT LINES SESSIONS greet|full|resumed");
    int lines = atoi(argv[3]);
    if (lines < 1 || lines > kMostLines) fail("LINES");
    each = (atoi(argv[4]) + lines - 1) / lines;
    if (each < 1) fail("SESSIONS");
    greets = strcmp(argv[5], "greet") == 0;
    resumes = strcmp(argv[5], "resumed") == 0;
    server.sin_family = AF_INET;
    server.sin_port = htons((unsigned short)atoi(argv[2]));
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    context = SSL_CTX_new(TLS_client_method());
    strcpy(message, "Subject: test\r\n\r\n");
    while (strlen(message) < kContent) strcat(message, "a line of text that says nothing\r\n");
    strcat(message, ".\r\n");
    took = calloc((size_t)(lines * each), sizeof *took);
    pthread_t threads[kMostLines];
    struct line* all = calloc((size_t)lines, sizeof *all);
    for (int i = 0; i < lines; ++i) {
        all[i].number = i;
        pthread_create(&threads[i], NULL, run, &all[i]);
    }
    for (int i = 0; i < lines; ++i) pthread_join(threads[i], NULL);
    qsort(took, (size_t)(lines * each), sizeof *took, compare);
    printf("%d %.3f\n", lines * each, took[lines * each / 2]);
    return 0;
}

/* The broker's own ceiling: MQTT 3.1.1 at QoS 1 over bare sockets, with nothing that a program would do besides.
 *
 *   mqtt_flow pub PORT PACKETS WINDOW RATE STAMPS   send the PUBLISH packets of a file, WINDOW of them unconfirmed at most,
 *                                                   RATE a second (0: as fast as possible); write when each was sent
 *   mqtt_flow sub PORT FILTER COUNT                 subscribe, say "ready", confirm COUNT messages, many PUBACKs a write
 *
 * pub prints when it sent the first and had the last confirmed, sub when it confirmed the last: nanoseconds of
 * CLOCK_MONOTONIC, which is one clock for all processes. STAMPS is a binary file of them ("-": none).
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (1 << 20)

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_all(int s, const uint8_t *data, size_t length) {
    while (length > 0) {
        ssize_t n = send(s, data, length, MSG_NOSIGNAL);
        if (n <= 0) fail("send");
        data += n;
        length -= (size_t)n;
    }
}

/* Bytes of the whole packet at `data`, 0 while it is not all there. */
static size_t packet(const uint8_t *data, size_t have, size_t *body) {
    size_t length = 0, at = 1;
    for (int shift = 0; shift < 28; shift += 7) {
        if (at >= have) return 0;
        uint8_t byte = data[at++];
        length |= (size_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *body = at;
            return at + length <= have ? at + length : 0;
        }
    }
    fprintf(stderr, "malformed packet\n");
    exit(1);
}

static int open_session(int port, const char *client) {
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    size_t name = strlen(client);
    uint8_t hello[64] = {0x10, (uint8_t)(12 + name), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, (uint8_t)name};
    memcpy(hello + 14, client, name);
    send_all(s, hello, 14 + name);
    uint8_t answer[4];
    if (recv(s, answer, 4, MSG_WAITALL) != 4 || answer[3] != 0) fail("connect refused");
    return s;
}

static int publish(int port, const char *file, long window, double rate, const char *stamps_file) {
    FILE *in = fopen(file, "rb");
    if (!in) fail(file);
    fseek(in, 0, SEEK_END);
    size_t size = (size_t)ftell(in);
    rewind(in);
    uint8_t *data = malloc(size), answers[65536];
    if (fread(data, 1, size, in) != size) fail("read");
    fclose(in);
    size_t count = 0, body;
    for (size_t at = 0; at < size; count++) at += packet(data + at, size - at, &body);
    int64_t *stamps = calloc(count, sizeof *stamps);
    int s = open_session(port, "flow-pub");
    size_t sent = 0, confirmed_bytes = 0, at = 0;
    int64_t began = now();
    while (confirmed_bytes / 4 < count) {
        size_t allowed = confirmed_bytes / 4 + (size_t)window, from = at;
        if (allowed > count) allowed = count;
        int64_t at_time = now();
        if (rate > 0) {
            size_t due = (size_t)((double)(at_time - began) * rate / 1e9) + 1;
            if (due < allowed) allowed = due;
        }
        for (; sent < allowed; sent++) {
            stamps[sent] = at_time;
            at += packet(data + at, size - at, &body);
        }
        if (at > from) send_all(s, data + from, at - from);
        struct pollfd ready = {s, POLLIN, 0};
        if (poll(&ready, 1, rate > 0 ? 1 : 1000) > 0) {
            ssize_t n = recv(s, answers, sizeof answers, 0);
            if (n <= 0) fail("recv");
            confirmed_bytes += (size_t)n; /* only PUBACKs of four bytes come */
        }
    }
    printf("%lld %lld\n", (long long)began, (long long)now());
    if (strcmp(stamps_file, "-") != 0) {
        FILE *out = fopen(stamps_file, "wb");
        if (!out || fwrite(stamps, sizeof *stamps, count, out) != count) fail(stamps_file);
        fclose(out);
    }
    return 0;
}

static int subscribe(int port, const char *filter, long count) {
    int s = open_session(port, "flow-sub");
    size_t name = strlen(filter), have = 0, body;
    uint8_t request[256] = {0x82, (uint8_t)(5 + name), 0, 1, 0, (uint8_t)name};
    memcpy(request + 6, filter, name);
    request[6 + name] = 1;
    send_all(s, request, 7 + name);
    uint8_t *buffer = malloc(BUFFER), *acks = malloc(BUFFER);
    long received = 0;
    while (received < count) {
        ssize_t n = recv(s, buffer + have, BUFFER - have, 0);
        if (n <= 0) fail("recv");
        have += (size_t)n;
        size_t at = 0, length, acked = 0;
        while ((length = packet(buffer + at, have - at, &body)) > 0) {
            const uint8_t *p = buffer + at;
            if ((p[0] & 0xF0) == 0x90) {
                printf("ready\n");
                fflush(stdout);
            } else if ((p[0] & 0xF6) == 0x32 || (p[0] & 0xFE) == 0x3A) {
                const uint8_t *mid = p + body + 2 + (p[body] << 8 | p[body + 1]);
                uint8_t ack[4] = {0x40, 2, mid[0], mid[1]};
                memcpy(acks + acked, ack, 4);
                acked += 4;
                received++;
            }
            at += length;
        }
        if (acked) send_all(s, acks, acked);
        memmove(buffer, buffer + at, have -= at);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%lld %.3f\n", (long long)now(),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 7 && !strcmp(argv[1], "pub"))
        return publish(atoi(argv[2]), argv[3], atol(argv[4]), atof(argv[5]), argv[6]);
    if (argc == 5 && !strcmp(argv[1], "sub")) return subscribe(atoi(argv[2]), argv[3], atol(argv[4]));
    fprintf(stderr, "usage: mqtt_flow pub PORT PACKETS WINDOW RATE STAMPS | sub PORT FILTER COUNT\n");
    return 2;
}

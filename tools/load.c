/*
 * load: a load generator for the client ports of ZooKeeper servers, for tools/bench.
 *
 *   cc -O2 -o load load.c
 *   load -p PORT[,PORT...] [-m MODE] [-c CONNECTIONS] [-d DEPTH] [-t SECONDS] [-w SECONDS] [-n NODES] [-s BYTES] [-r PERCENT] [-f FILE] [-k]
 *
 * Connections are spread over the ports in turn. Every one keeps DEPTH requests in flight. Requests are bytes made once for each kind; only xid and the digits of a path are
 * written into a copy. One thread, epoll; what one turn of the loop has to send to a connection leaves in one write.
 *
 * Modes: get exists children set create, mix (PERCENT of reads, the rest sets), fill (creates NODES nodes below 1,000 parents and ends),
 * idle (sessions that only ping, every 5 s).
 * -w warms up before the clock starts. -f: latencies while FILE exists are counted apart, as p99_flagged_ms. -k leaves the nodes.
 *
 * Prints one line of key=value. Anything unexpected (an error code, a reply out of order, a closed connection, 30 s of silence) ends it
 * with status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CREATE = 1, DELETE = 2, EXISTS = 3, GET_DATA = 4, SET_DATA = 5, GET_CHILDREN = 8, SYNC = 9, PING = 11 };
enum { HEADER = 12, DIGITS = 8, PARENTS = 1000, INPUT = 1 << 18, SILENCE_MS = 30000, NO_NODE = -101, PING_SECONDS = 5, MOST_PORTS = 16 };
static const uint32_t PONG = (uint32_t)-2;

/* Latencies in buckets of 1/32 of a power of two of nanoseconds. */
enum { PARTS = 32, BUCKETS = 64 * PARTS };
struct latencies { uint64_t count[BUCKETS], total; };

/* A request as it leaves, but for xid and digits. */
struct form { uint8_t *bytes; size_t size, digits; };

struct connection {
    int fd;
    uint32_t sent, answered;         /* xids */
    uint32_t in_flight;
    uint64_t *sent_at;               /* by xid, modulo DEPTH */
    uint64_t chance, created;
    uint8_t *out; size_t out_size, out_room;
    uint8_t *in; size_t in_size;
    bool blocked;                    /* the socket takes no more for now */
};

static struct connection *connections;
static int connection_count = 16, depth = 16, poller;
static int ports[MOST_PORTS], port_count, node_count = 1000, payload = 100, read_percent = 90;
static double seconds = 4, warm_seconds = 1;
static const char *mode = "get", *flag_file;
static char base[32];
static struct form form_get, form_exists, form_children, form_set, form_create, form_fill, form_parent, form_delete, form_delete_created, form_sync, form_ping;
static struct latencies plain, flagged;
static bool counting, is_flagged;
static int tolerated;
static uint64_t operations, filled;

static void fail(const char *text, ...) {
    va_list more;
    va_start(more, text);
    fputs("load: ", stderr);
    vfprintf(stderr, text, more);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void note(struct latencies *where, uint64_t ns) {
    int power = 63 - __builtin_clzll(ns | PARTS);
    where->count[power * PARTS + (int)((ns >> (power - 5)) & (PARTS - 1))]++;
    where->total++;
}

/* The latency in ms that a share of the requests stayed below. */
static double quantile(const struct latencies *of, double share) {
    uint64_t passed = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        passed += of->count[bucket];
        if (of->count[bucket] && (double)passed >= share * (double)of->total) {
            int power = bucket / PARTS;
            return (double)((uint64_t)(PARTS + bucket % PARTS + 1) << (power - 5)) / 1e6;
        }
    }
    return 0;
}

/* Forms */

static void put(struct form *form, const void *bytes, size_t size) {
    form->bytes = realloc(form->bytes, form->size + size);
    memcpy(form->bytes + form->size, bytes, size);
    form->size += size;
}

static void put_int(struct form *form, uint32_t value) {
    value = htobe32(value);
    put(form, &value, 4);
}

static void put_text(struct form *form, const char *text) {
    put_int(form, (uint32_t)strlen(text));
    put(form, text, strlen(text));
}

/* Begins a request: frame length to be filled in, xid, op code, a path that ends in `tail` and `digits` digits. */
static void begin(struct form *form, uint32_t op, const char *tail, int digits) {
    char path[96];
    snprintf(path, sizeof path, "%s%s%.*s", base, tail, digits, "0000000000000000");
    put_int(form, 0);
    put_int(form, 0);
    put_int(form, op);
    put_text(form, path);
    form->digits = form->size;
}

static void end(struct form *form) {
    uint32_t length = htobe32((uint32_t)form->size - 4);
    memcpy(form->bytes, &length, 4);
}

static void make_read(struct form *form, uint32_t op, const char *tail, int digits) {
    begin(form, op, tail, digits);
    put(form, "", 1);
    end(form);
}

static void put_payload(struct form *form) {
    char *data = malloc((size_t)payload + 1);
    memset(data, 'd', (size_t)payload);
    put_int(form, (uint32_t)payload);
    put(form, data, (size_t)payload);
    free(data);
}

static void make_create(struct form *form, const char *tail, int digits) {
    begin(form, CREATE, tail, digits);
    put_payload(form);
    put_int(form, 1);
    put_int(form, 31);
    put_text(form, "world");
    put_text(form, "anyone");
    put_int(form, 0);
    end(form);
}

static void make_delete(struct form *form, const char *tail, int digits) {
    begin(form, DELETE, tail, digits);
    put_int(form, (uint32_t)-1);
    end(form);
}

static void make_forms(void) {
    make_read(&form_get, GET_DATA, "/n", DIGITS);
    make_read(&form_exists, EXISTS, "/n", DIGITS);
    make_read(&form_children, GET_CHILDREN, "", 0);
    begin(&form_set, SET_DATA, "/n", DIGITS);
    put_payload(&form_set);
    put_int(&form_set, (uint32_t)-1);
    end(&form_set);
    make_create(&form_create, "/c", 2 * DIGITS);
    make_create(&form_fill, "/n", 2 * DIGITS);
    make_create(&form_parent, "/n", DIGITS);
    begin(&form_sync, SYNC, "", 0);
    end(&form_sync);
    put_int(&form_ping, 0);
    put_int(&form_ping, 0);
    put_int(&form_ping, PING);
    form_ping.digits = form_ping.size;
    end(&form_ping);
    make_delete(&form_delete, "/n", DIGITS);
    make_delete(&form_delete_created, "/c", 2 * DIGITS);
}

static void write_digits(uint8_t *end_of_digits, uint64_t number, int digits) {
    for (int digit = 0; digit < digits; digit++, number /= 10)
        *--end_of_digits = (uint8_t)('0' + number % 10);
}

/* Connections */

static void ask(struct connection *on, const struct form *form, uint64_t number, int digits) {
    if (on->out_size + form->size > on->out_room) {
        on->out_room = 2 * (on->out_room + form->size);
        on->out = realloc(on->out, on->out_room);
    }
    uint8_t *at = on->out + on->out_size;
    memcpy(at, form->bytes, form->size);
    uint32_t xid = htobe32(++on->sent);
    memcpy(at + 4, &xid, 4);
    write_digits(at + form->digits, number, digits);
    on->out_size += form->size;
    on->sent_at[on->sent % (uint32_t)depth] = now();
    on->in_flight++;
}

static void await_writable(struct connection *on, bool wanted) {
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = on};
    epoll_ctl(poller, EPOLL_CTL_MOD, on->fd, &event);
    on->blocked = wanted;
}

static void flush(struct connection *on) {
    if (!on->out_size || on->blocked)
        return;
    ssize_t gone = send(on->fd, on->out, on->out_size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (gone < 0) {
        if (errno != EAGAIN)
            fail("send: %s", strerror(errno));
        gone = 0;
    }
    memmove(on->out, on->out + gone, on->out_size - (size_t)gone);
    on->out_size -= (size_t)gone;
    if (on->out_size)
        await_writable(on, true);
}

static uint32_t int_at(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return be32toh(value);
}

/* Reads what there is and gives how many replies it held. */
static int take_replies(struct connection *on) {
    ssize_t got = recv(on->fd, on->in + on->in_size, INPUT - on->in_size, MSG_DONTWAIT);
    if (got == 0)
        fail("a connection was closed");
    if (got < 0) {
        if (errno != EAGAIN)
            fail("recv: %s", strerror(errno));
        return 0;
    }
    on->in_size += (size_t)got;
    uint64_t at = now();
    size_t place = 0;
    int replies = 0;
    while (on->in_size - place >= 4) {
        size_t length = int_at(on->in + place);
        if (length < 16 || length + 4 > INPUT)
            fail("a frame of %zu bytes", length);
        if (on->in_size - place < length + 4)
            break;
        const uint8_t *reply = on->in + place + 4;
        uint32_t xid = int_at(reply);
        if (xid == PONG && !strcmp(mode, "idle"))
            xid = on->answered + 1;
        int error = (int)int_at(reply + 12);
        if (xid != ++on->answered)
            fail("reply %u where %u was due", xid, on->answered);
        if (error && error != tolerated)
            fail("error %d", error);
        if (counting) {
            note(is_flagged ? &flagged : &plain, at - on->sent_at[xid % (uint32_t)depth]);
            operations++;
        }
        on->in_flight--;
        place += length + 4;
        replies++;
    }
    memmove(on->in, on->in + place, on->in_size - place);
    on->in_size -= place;
    return replies;
}

static void exactly(int fd, uint8_t *into, size_t size) {
    while (size) {
        ssize_t got = recv(fd, into, size, 0);
        if (got <= 0)
            fail("no session");
        into += got;
        size -= (size_t)got;
    }
}

static void open_session(struct connection *on, int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[number % port_count]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = SILENCE_MS / 1000};
    int yes = 1;
    on->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(on->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(on->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(on->fd, (struct sockaddr *)&address, sizeof address))
        fail("connect: %s", strerror(errno));
    /* length; protocol version, zxid seen, timeout, session id, password, read only */
    uint8_t hello[49] = {[3] = 45, [18] = 0x75, [19] = 0x30, [31] = 16};
    uint8_t answer[41];
    if (send(on->fd, hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello)
        fail("send: %s", strerror(errno));
    exactly(on->fd, answer, sizeof answer);
    if (int_at(answer) != 37 || int_at(answer + 8) == 0)
        fail("the session was refused");
    on->sent_at = calloc((size_t)depth, sizeof *on->sent_at);
    on->in = malloc(INPUT);
    on->chance = 0x9e3779b97f4a7c15u * (uint64_t)(number + 1);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = on};
    epoll_ctl(poller, EPOLL_CTL_ADD, on->fd, &event);
}

/* The loop */

static uint64_t chance(struct connection *on) {
    on->chance ^= on->chance << 13;
    on->chance ^= on->chance >> 7;
    on->chance ^= on->chance << 17;
    return on->chance;
}

static uint64_t created_name(const struct connection *on, uint64_t number) {
    return (uint64_t)(on - connections) * 1000000000 + number;
}

/* Sends the next request of the mode; gives false where there is none. */
static bool ask_next(struct connection *on) {
    uint64_t node = chance(on) % (uint64_t)node_count;
    const char *kind = mode;
    if (!strcmp(kind, "mix"))
        kind = (int)((chance(on) >> 32) % 100) < read_percent ? "get" : "set";
    if (!strcmp(kind, "get"))
        ask(on, &form_get, node, DIGITS);
    else if (!strcmp(kind, "set"))
        ask(on, &form_set, node, DIGITS);
    else if (!strcmp(kind, "exists"))
        ask(on, &form_exists, node, DIGITS);
    else if (!strcmp(kind, "children"))
        ask(on, &form_children, 0, 0);
    else if (!strcmp(kind, "create"))
        ask(on, &form_create, created_name(on, on->created++), 2 * DIGITS);
    else
        fail("there is no mode %s", mode);
    return true;
}

static bool ask_fill(struct connection *on) {
    if (filled == (uint64_t)node_count)
        return false;
    /* The path of the parent is in the form: its digits are written before those of the child. */
    uint64_t number = filled++;
    uint8_t *digits = form_fill.bytes + form_fill.digits - DIGITS - 1;
    write_digits(digits, number % PARENTS, DIGITS);
    ask(on, &form_fill, number / PARENTS, DIGITS);
    return true;
}

static bool ask_parent(struct connection *on) {
    uint64_t wanted = !strcmp(mode, "fill") ? PARENTS : (uint64_t)node_count;
    if (filled == wanted)
        return false;
    ask(on, &form_parent, filled++, DIGITS);
    return true;
}

static bool ask_delete(struct connection *on) {
    if (on->created) {
        ask(on, &form_delete_created, created_name(on, --on->created), 2 * DIGITS);
        return true;
    }
    if (filled == (uint64_t)node_count)
        return false;
    ask(on, &form_delete, filled++, DIGITS);
    return true;
}

/* Keeps `source` going until `until`, or until it has no more; gives the time at the end. With a time it leaves requests in flight. */
static uint64_t turn(bool (*source)(struct connection *), uint64_t until) {
    struct epoll_event events[256];
    uint64_t looked = 0;
    for (int i = 0; i < connection_count; i++) {
        struct connection *on = &connections[i];
        while (on->in_flight < (uint32_t)depth && source(on))
            ;
        flush(on);
    }
    for (;;) {
        uint64_t at = now();
        if (until ? at >= until : false)
            return at;
        if (!until) {
            bool busy = false;
            for (int i = 0; i < connection_count && !busy; i++)
                busy = connections[i].in_flight > 0;
            if (!busy)
                return at;
        }
        if (flag_file && at - looked > 5000000) {
            looked = at;
            is_flagged = access(flag_file, F_OK) == 0;
        }
        int ready = epoll_wait(poller, events, 256, SILENCE_MS);
        if (ready == 0)
            fail("silence");
        for (int i = 0; i < ready; i++) {
            struct connection *on = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                await_writable(on, false);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                for (int replies = take_replies(on); replies > 0 && source(on); replies--)
                    ;
            flush(on);
        }
    }
}

static bool ask_nothing(struct connection *on) {
    (void)on;
    return false;
}

/* Lets every connection see what all have written. */
static void sync_all(void) {
    for (int i = 0; i < connection_count; i++)
        ask(&connections[i], &form_sync, 0, 0);
    turn(ask_nothing, 0);
}

/* Pings as a client does that has nothing to say; gives the time at the end. */
static uint64_t idle(uint64_t until) {
    uint64_t at = now();
    while (at < until) {
        for (int i = 0; i < connection_count; i++)
            ask(&connections[i], &form_ping, 0, 0);
        turn(ask_nothing, 0);
        uint64_t next = at + PING_SECONDS * 1000000000ull;
        struct timespec pause = {0};
        at = now();
        next = next < until ? next : until;
        if (next > at) {
            pause.tv_sec = (time_t)((next - at) / 1000000000);
            pause.tv_nsec = (long)((next - at) % 1000000000);
            nanosleep(&pause, NULL);
        }
        at = now();
    }
    return at;
}

static void one(const struct form *form, int tolerating) {
    tolerated = tolerating;
    ask(&connections[0], form, 0, 0);
    turn(ask_nothing, 0);
    tolerated = 0;
}

int main(int argc, char **argv) {
    bool keep = false;
    for (int option; (option = getopt(argc, argv, "p:m:c:d:t:w:n:s:r:f:k")) != -1;)
        switch (option) {
        case 'p':
            for (char *rest = optarg; rest && port_count < MOST_PORTS; rest = strchr(rest, ',') ? strchr(rest, ',') + 1 : NULL)
                ports[port_count++] = atoi(rest);
            break;
        case 'm': mode = optarg; break;
        case 'c': connection_count = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm_seconds = atof(optarg); break;
        case 'n': node_count = atoi(optarg); break;
        case 's': payload = atoi(optarg); break;
        case 'r': read_percent = atoi(optarg); break;
        case 'f': flag_file = optarg; break;
        case 'k': keep = true; break;
        default: return 2;
        }
    if (!port_count || connection_count < 1 || depth < 1 || node_count < 1)
        return 2;
    bool filling = !strcmp(mode, "fill");
    snprintf(base, sizeof base, "/load-%d", (int)getpid());
    /* Below a parent of 8 digits the child has a slash and 8 digits more. */
    make_forms();
    if (filling) {
        form_fill.size = 0;
        begin(&form_fill, CREATE, "/n00000000/", DIGITS);
        put_payload(&form_fill);
        put_int(&form_fill, 1);
        put_int(&form_fill, 31);
        put_text(&form_fill, "world");
        put_text(&form_fill, "anyone");
        put_int(&form_fill, 0);
        end(&form_fill);
    }
    struct form form_base = {0}, form_delete_base = {0};
    make_create(&form_base, "", 0);
    make_delete(&form_delete_base, "", 0);

    poller = epoll_create1(0);
    connections = calloc((size_t)connection_count, sizeof *connections);
    for (int i = 0; i < connection_count; i++)
        open_session(&connections[i], i);
    one(&form_base, 0);
    turn(ask_parent, 0);
    sync_all();

    uint64_t began, ended;
    if (!strcmp(mode, "idle")) {
        counting = true;
        began = now();
        ended = idle(began + (uint64_t)(seconds * 1e9));
    } else if (filling) {
        filled = 0;
        counting = true;
        began = now();
        ended = turn(ask_fill, 0);
    } else {
        turn(ask_next, now() + (uint64_t)(warm_seconds * 1e9));
        counting = true;
        began = now();
        ended = turn(ask_next, began + (uint64_t)(seconds * 1e9));
    }
    counting = false;
    printf("mode=%s connections=%d depth=%d ops=%llu ops_per_s=%.0f p50_ms=%.3f p99_ms=%.3f flagged=%llu p99_flagged_ms=%.3f\n", mode,
        connection_count, depth, (unsigned long long)operations, (double)operations * 1e9 / (double)(ended - began),
        quantile(&plain, .5), quantile(&plain, .99), (unsigned long long)flagged.total, quantile(&flagged, .99));
    fflush(stdout);
    turn(ask_nothing, 0);
    if (!keep && !filling) {
        filled = 0;
        tolerated = NO_NODE;
        turn(ask_delete, 0);
        one(&form_delete_base, 0);
    }
    return 0;
}

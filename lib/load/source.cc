#include "lib/load/source.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/socket.h"
#include "lib/mail/hostname.h"

namespace relais::load {

namespace {

constexpr auto kConnectTime = std::chrono::minutes(5);

std::string machine_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        log_fatal("gethostname: {}", std::strerror(errno));
    }
    return name.data();
}

int random_up_to(int most) {
    static std::minstd_rand engine(std::random_device{}());
    return std::uniform_int_distribution<int>(0, most)(engine);
}

}  // namespace

std::string checked_name(std::string_view text) {
    if (text.starts_with('[')) {
        if (!text.ends_with(']')) {
            log_warning("valid_mailhost_literal: ']' expected at end: {}", text);
        }
        if (!is_address_literal(text)) {
            log_fatal("bad address literal: {}", text);
        }
    } else if (auto valid = check_hostname(text); !valid) {
        // "misplaced delimiter in hostname: a..b"
        std::string_view why = valid.error().message;
        log_warning("valid_hostname: {}{}{}", why.substr(0, why.find(" in hostname")),
                    text.empty() ? "" : ": ", text);
        log_fatal("bad hostname: {}", text);
    }
    return std::string(text);
}

void SourceOptions::complete() {
    if (my_name.empty()) {
        my_name = machine_name();
    }
    if (!from_is_set) {
        from = "foo@" + my_name;
    }
    if (!to_is_set) {
        to = "foo@" + my_name;
    }
    raise_open_files(static_cast<std::size_t>(sessions) + 64);
}

Task<void> Source::pause() {
    int seconds =
        options_.fixed_pause > 0 ? options_.fixed_pause : random_up_to(options_.random_pause);
    co_await sleep_for(std::chrono::seconds(seconds));
}

Task<Result<UniqueFd>> Source::connect_once() {
    if (endpoint_.addresses.empty()) {
        co_return co_await connect_unix(endpoint_.path, Deadline::after(kConnectTime));
    }
    Result<UniqueFd> fd = fail(Errc::kNotFound, "no address");
    for (std::size_t i = 0; i < endpoint_.addresses.size(); ++i) {
        fd = co_await connect_tcp(endpoint_.addresses[i], Deadline::after(kConnectTime));
        if (fd) {
            set_window(fd->get(), options_.window);
            break;
        }
    }
    co_return fd;
}

Task<UniqueFd> Source::connect() {
    Semaphore::Place place = co_await connecting_.take();
    for (int tries = options_.connect_tries;;) {
        auto fd = co_await connect_once();
        if (fd) {
            co_return std::move(*fd);
        }
        const char* why = std::strerror(fd.error().sys_errno);
        if (--tries <= 0) {
            log_fatal("connect: {}", why);
        }
        log_warning("connect: {}", why);
        co_await sleep_for(std::chrono::milliseconds(10));
    }
}

void Source::delivered() {
    ++delivered_;
    if (options_.count) {
        std::printf("%d\r", delivered_);
    }
}

void Source::finish() {
    if (options_.count) {
        std::printf("\n");
    }
    std::fflush(stdout);
}

void close_at_once(UniqueFd fd) {
    linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

}  // namespace relais::load

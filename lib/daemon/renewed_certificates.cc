#include "lib/daemon/renewed_certificates.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/forked.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/event/loop.h"
#include "lib/event/socket.h"

namespace relais {

namespace {

constexpr std::size_t kLargestFile = 100000;  // less than what a socket takes as one message
constexpr auto kBetweenLooks = std::chrono::seconds(1);
constexpr auto kPatience = std::chrono::seconds(5);

constexpr std::string_view kSame = "=";
constexpr std::string_view kChanged = "!";
// What a file's message begins with.
constexpr char kContent = '+';
constexpr char kUnreadable = '-';

// Another file, or other content in it: of what a symlink leads to.
std::string state_of_files(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        struct stat now{};
        if (::stat(name.c_str(), &now) != 0) {
            all += format("{};", errno);
            continue;
        }
        all +=
            format("{} {} {} {}.{} {}.{};", now.st_dev, now.st_ino, now.st_size, now.st_mtim.tv_sec,
                   now.st_mtim.tv_nsec, now.st_ctim.tv_sec, now.st_ctim.tv_nsec);
    }
    return all;
}

std::string file_message(const std::string& name) {
    const auto content = read_file(name, kLargestFile);
    if (!content || content->empty()) {
        return {kUnreadable};
    }
    return kContent + *content;
}

bool send_message(int channel, std::string_view message) {
    return ::send(channel, message.data(), message.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
}

// The helper's whole life: answers each byte that comes.
void answer_questions(int channel, const std::vector<std::string>& names, std::string state) {
    close_all_but(channel, -1);
    char question = 0;
    while (::recv(channel, &question, 1, 0) == 1) {
        std::string now = state_of_files(names);
        bool sent = send_message(channel, now == state ? kSame : kChanged);
        for (const std::string& name : names) {
            if (sent && now != state) {
                sent = send_message(channel, file_message(name));
            }
        }
        if (!sent) {
            return;
        }
        state = std::move(now);
    }
}

}  // namespace

RenewedCertificates::RenewedCertificates(const TlsCertificateFiles& files) : names_(files.names()) {
    if (names_.empty()) {
        return;
    }
    helper_ = std::make_unique<RootHelper>([this, state = state_of_files(names_)](int channel) {
        answer_questions(channel, names_, state);
    });
    packet_.resize(kLargestFile + 1);
}

Task<std::optional<std::string>> RenewedCertificates::receive() {
    for (;;) {
        ssize_t got = ::recv(helper_->channel(), packet_.data(), packet_.size(), MSG_DONTWAIT);
        if (got > 0) {
            co_return packet_.substr(0, static_cast<std::size_t>(got));
        }
        bool lost = got == 0 || (errno != EAGAIN && errno != EINTR);
        if (!lost) {
            try {
                co_await wait_fd_readable(helper_->channel(), Deadline::after(kPatience));
            } catch (const TimedOut&) {
                lost = true;
            }
        }
        if (lost) {
            log_warning("{}: nobody answers who could read it: a renewal takes a reload",
                        names_[0]);
            helper_.reset();
            co_return std::nullopt;
        }
    }
}

Task<std::optional<RenewedCertificates::Contents>> RenewedCertificates::ask() {
    if (!send_message(helper_->channel(), "?")) {
        helper_.reset();
        co_return std::nullopt;
    }
    auto answer = co_await receive();
    if (!answer || *answer != kChanged) {
        co_return std::nullopt;
    }
    Contents contents;
    bool complete = true;
    for (const std::string& name : names_) {
        auto message = co_await receive();
        if (!message) {
            co_return std::nullopt;
        }
        if (message->front() == kContent) {
            contents[name] = message->substr(1);
        } else {
            log_warning("{}: cannot be read, the certificates in use stay", name);
            complete = false;
        }
    }
    if (!complete) {
        contents.clear();
    }
    co_return contents;
}

Task<std::optional<RenewedCertificates::Contents>> RenewedCertificates::ask_in_turn() {
    const auto now = std::chrono::steady_clock::now();
    if (!helper_ || asking_ || now - asked_ < kBetweenLooks) {
        co_return std::nullopt;
    }
    asking_ = true;
    asked_ = now;
    auto contents = co_await shielded(ask());
    asking_ = false;
    if (contents && contents->empty()) {
        contents.reset();
    }
    co_return contents;
}

Task<void> RenewedCertificates::look(TlsContext* context) {
    auto contents = co_await ask_in_turn();
    if (!contents) {
        co_return;
    }
    if (auto renewed = context->renew(std::move(*contents)); renewed) {
        log_info("using renewed certificates: {}", join(names_, " "));
    } else {
        log_warning("renewed certificates cannot be used, those in use stay: {}",
                    join(names_, " "));
    }
}

Task<bool> RenewedCertificates::have_changed() {
    auto contents = co_await ask_in_turn();
    co_return contents.has_value();
}

}  // namespace relais

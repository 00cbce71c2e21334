#include "tools/smtp-sink/capture.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <random>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/mail/date.h"

namespace relais::smtp_sink {

namespace {

std::string expanded(const std::string& pattern) {
    std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    std::array<char, 1024> text{};
    std::size_t length = std::strftime(text.data(), text.size(), pattern.c_str(), &parts);
    if (length == 0) {
        log_fatal("bad dump file template: {}", pattern);
    }
    return {text.data(), length};
}

void make_parents(const std::string& path) {
    auto slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0) {
        std::string parent = path.substr(0, slash);
        if (auto made = make_directories(parent, 0755); !made) {
            log_fatal("mkdir {}: {}", parent, std::strerror(made.error().sys_errno));
        }
    }
}

unsigned random_id() {
    static std::mt19937 engine(std::random_device{}());
    return static_cast<unsigned>(engine()) & 0x7fffffffU;
}

}  // namespace

Capture::Capture(const Settings& settings, const ClientFacts& client,
                 std::string_view mail_arguments)
    : settings_(settings), base_(expanded(settings.dump_template)) {
    open();
    buffer_ = settings.start_string;
    buffer_ += format("X-Client-Addr: {}{}\nX-Client-Proto: {}\n", client.is_ipv6 ? "ipv6:" : "",
                      client.address, client.protocol);
    if (client.said_hello) {
        buffer_ += format("X-Helo-Args: {}\n", client.hello);
    }
    buffer_ += format("X-Mail-Args: {}\n", mail_arguments);
}

// The file of a transaction whose message goes to the end of a shared one has no name.
void Capture::open() {
    make_parents(base_);
    for (;;) {
        id_ = format("{:08x}", random_id());
        path_ = base_ + id_;
        fd_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        if (fd_) {
            break;
        }
        if (errno != EEXIST) {
            log_fatal("open {}: {}", path_, std::strerror(errno));
        }
    }
    if (settings_.dumps_append && ::unlink(path_.c_str()) != 0) {
        log_fatal("remove {}: {}", path_, std::strerror(errno));
    }
}

Capture::~Capture() {
    if (!finished_ && !settings_.dumps_append) {
        ::unlink(path_.c_str());
    }
}

void Capture::recipient(std::string_view arguments) {
    write(format("X-Rcpt-Args: {}\n", arguments));
}

void Capture::begin_content(const ClientFacts& client) {
    std::string from = client.said_hello ? std::string(client.hello) : "[" + client.address + "]";
    write(format("Received: from {} ([{}{}])\n\tby {} (smtp-sink) with {} id {};\n\t{}\n", from,
                 client.is_ipv6 ? "ipv6:" : "", client.address, settings_.host_name,
                 client.protocol, id_, format_mail_date(std::time(nullptr))));
}

void Capture::flush() {
    if (auto written = write_all(fd_.get(), buffer_); !written) {
        log_fatal("write {}: {}", path_, written.error().message);
    }
    buffer_.clear();
}

void Capture::finish() {
    write("\n");
    if (settings_.dumps_append) {
        append_to_shared();
    } else {
        flush();
    }
    finished_ = true;
}

void Capture::append_to_shared() {
    UniqueFd shared(::open(base_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!shared) {
        log_fatal("open {}: {}", base_, std::strerror(errno));
    }
    // Most messages never left the buffer, and are one write.
    off_t at = 0;
    std::array<char, kBuffer> piece{};
    for (ssize_t got; (got = ::pread(fd_.get(), piece.data(), piece.size(), at)) > 0; at += got) {
        auto written = write_all(shared.get(), {piece.data(), static_cast<std::size_t>(got)});
        if (!written) {
            log_fatal("write {}: {}", base_, written.error().message);
        }
    }
    if (auto written = write_all(shared.get(), buffer_); !written) {
        log_fatal("write {}: {}", base_, written.error().message);
    }
}

}  // namespace relais::smtp_sink

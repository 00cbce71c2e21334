// The content filter before the queue: see the header.
#include "smtpd/proxy_filter.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/smtp/xforward.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Content is passed on when so much has gathered.
constexpr std::size_t kMuch = std::size_t{64} << 10;
constexpr std::size_t kCodeLength = 4;  // "250 "
constexpr char kAnyReply = '\0';
constexpr std::string_view kUnavailable = "[UNAVAILABLE]";
// Servers need not take longer commands.  RFC 5321 4.5.3.1.4
constexpr std::size_t kLongestCommand = 510;

bool wants_all_at_once() {
    bool all = false;
    for (const auto word : split_words(conf().smtpd_proxy_options(), ", \t\r\n")) {
        if (word != "speed_adjust") {
            log_fatal("unknown smtpd_proxy_options value \"{}\" in \"{}\"", word,
                      conf().smtpd_proxy_options());
        }
        all = true;
    }
    return all;
}

Task<Result<UniqueFd>> connect_filter(std::string service, Deadline deadline) {
    if (service.starts_with("unix:")) {
        co_return co_await connect_unix(service.substr(5), deadline);
    }
    if (service.starts_with("inet:")) {
        service.erase(0, 5);
    }
    co_return co_await connect_inet_name(std::move(service), deadline);
}

// A file that has no name: gone when it is closed, whatever ends the process.
UniqueFd make_spool_file() {
    UniqueFd file(::open("incoming", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) {
        log_warning("cannot create a file in incoming/ for a proxy filter: {}",
                    std::strerror(errno));
    }
    return file;
}

std::string failure_reply() {
    const auto& detail = cleanup_status_text(kCleanupProxy);
    return format("{} {} Error: {}", detail.smtp_code, detail.dsn, detail.text);
}

bool is_reply_line(std::string_view line) {
    return line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]) &&
           (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

}  // namespace

ProxyFilter::ProxyFilter(Session& session, std::string mail_command)
    : session_(session),
      service_(conf().smtpd_proxy_filter()),
      at_once_(wants_all_at_once()),
      mail_command_(std::move(mail_command)) {
}

void ProxyFilter::fail() {
    stream_.reset();
    reply_ = failure_reply();
}

void ProxyFilter::lose(std::string_view why) {
    log_warning("{} {}", why, service_);
    fail();
}

// Further lines without their codes: Session::reply() puts them there.
std::string ProxyFilter::reply_for_client() const {
    std::string text;
    for (const auto line : split_fields(reply_, '\n')) {
        text += text.empty() ? std::string(line)
                             : "\n" + std::string(line.substr(std::min(line.size(), kCodeLength)));
    }
    if (text.size() > 3) {
        text[3] = ' ';
    }
    return text;
}

std::string ProxyFilter::refusal() const {
    if (reply_.starts_with('4') || reply_.starts_with('5')) {
        return reply_for_client();
    }
    return failure_reply();
}

// As it came, line ends and all: they are visible in the log.
std::string ProxyFilter::logged_reply() const {
    std::string text;
    for (const auto line : split_fields(reply_, '\n')) {
        text += text.empty() ? "" : "\r\n";
        text += line;
    }
    return text;
}

Task<bool> ProxyFilter::open() {
    if (at_once_) {
        commands_.push_back({mail_command_});
        co_return true;
    }
    const bool connected = co_await connect();
    co_return connected&& co_await exchange({mail_command_});
}

// What goes wrong before MAIL is the filter's trouble, not the client's.
Task<bool> ProxyFilter::connect() {
    const auto deadline = Deadline::after(conf().smtpd_proxy_timeout());
    auto connected = co_await connect_filter(service_, deadline);
    if (!connected) {
        const int code = connected.error().sys_errno;
        log_warning("connect to proxy filter {}: {}", service_,
                    code != 0 ? std::strerror(code) : connected.error().message);
        fail();
        co_return false;
    }
    stream_ = std::make_unique<Stream>(std::move(*connected));
    stream_->set_timeout(conf().smtpd_proxy_timeout());
    bool good = co_await exchange({});
    good = good && co_await exchange({"EHLO " + conf().smtpd_proxy_ehlo()});
    if (good) {
        features_ = smtp::Capabilities::parse(reply_);
        good = co_await introduce_client();
    }
    if (!good) {
        fail();
    }
    co_return good;
}

Task<bool> ProxyFilter::introduce_client() {
    const auto* from = session_.described_client();
    const auto* told = session_.forwarded.get();
    const auto& client = session_.client;
    const auto known = [](std::string_view value) {
        return value.empty() || value == "unknown" ? kUnavailable : value;
    };
    std::string source = told != nullptr ? uppercase(told->domain) : "";
    if (source.empty()) {
        const bool local = co_await session_.site.is_local_client(session_);
        source = local ? "LOCAL" : "REMOTE";
    }
    const std::string_view protocol = session_.extended ? "ESMTP" : "SMTP";
    const std::array<smtp::XforwardAttribute, 7> all = {
        {{"NAME", known(from != nullptr ? from->name : client.name)},
         {"ADDR", known(from != nullptr ? from->address : client.address)},
         {"PORT", known(from != nullptr ? from->port : client.port)},
         {"HELO", known(from != nullptr ? from->helo : session_.helo)},
         {"IDENT", known(told != nullptr ? told->ident : "")},
         {"PROTO", known(from != nullptr ? from->protocol : protocol)},
         {"SOURCE", source}}};
    auto command = smtp::xforward_command(features_, all);
    std::vector<std::string> commands = {command};
    if (command.size() > kLongestCommand) {
        const std::span whole(all);
        commands = {smtp::xforward_command(features_, whole.first(3)),
                    smtp::xforward_command(features_, whole.subspan(3))};
    }
    for (auto& text : commands) {
        if (!text.empty()) {
            const bool good = co_await exchange({std::move(text)});
            if (!good) {
                co_return false;
            }
        }
    }
    co_return true;
}

Task<bool> ProxyFilter::pass(Command command) {
    if (at_once_) {
        commands_.push_back(std::move(command));
        co_return true;
    }
    co_return co_await exchange(std::move(command));
}

Task<bool> ProxyFilter::recipient(std::string command) {
    co_return co_await pass({std::move(command)});
}

Task<bool> ProxyFilter::begin_data() {
    if (at_once_ && !spool_) {
        spool_ = make_spool_file();
        if (!spool_) {
            fail();
            co_return false;
        }
    }
    co_return co_await pass({"DATA", '3'});
}

// Without a text: what the filter says first.
Task<bool> ProxyFilter::exchange(Command command) {
    if (!stream_) {
        fail();
        co_return false;
    }
    try {
        if (!command.text.empty()) {
            stream_->write(command.text);
            stream_->write("\r\n");
        }
        co_await read_reply();
    } catch (const TimedOut&) {
        lose("timeout talking to proxy");
        co_return false;
    } catch (const IoError&) {
        lose("lost connection with proxy");
        co_return false;
    }
    if (command.wanted != kAnyReply && !reply_.starts_with(command.wanted)) {
        log_warning("proxy {} rejected \"{}\": \"{}\"", service_,
                    command.text.empty() ? "connection request" : command.text, logged_reply());
        // A good reply in the wrong place is none that the client could be told.
        reply_ = reply_.starts_with('2') || reply_.starts_with('3') ? failure_reply() : reply_;
        co_return false;
    }
    co_return true;
}

// A line of the filter, cut at `limit`.
Task<std::string> ProxyFilter::read_line(std::size_t limit) {
    std::string line;
    for (bool cut = false;;) {
        const auto input = stream_->buffered();
        const auto end = std::min(input.find('\n'), input.size());
        cut = cut || line.size() + end > limit;
        line += input.substr(0, std::min(end, limit - line.size()));
        const bool complete = end < input.size();
        stream_->consume(complete ? end + 1 : end);
        if (complete) {
            if (cut) {
                log_warning("{}: response longer than {}: {}...", service_, limit,
                            printable(line.substr(0, 30)));
            }
            co_return printable(trim_right(line, "\r"));
        }
        const bool more = co_await stream_->fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

// Lines that are no reply are left out, and so is what exceeds the limit in all.  The time is for
// the whole reply: a filter that goes on and on has no more than any other.
Task<void> ProxyFilter::read_reply() {
    const auto limit = static_cast<std::size_t>(conf().line_length_limit());
    reply_.clear();
    stream_->set_deadline(Deadline::after(conf().smtpd_proxy_timeout()));
    for (bool last = false; !last;) {
        const auto line = co_await read_line(limit);
        if (!is_reply_line(line)) {
            log_warning("received garbage from proxy {}: {}", service_, line.substr(0, 100));
            continue;
        }
        last = line.size() == 3 || line[3] == ' ';
        const bool same = reply_.starts_with(line.substr(0, 3));
        if (!same) {
            reply_ = line;  // a new reply, if the filter ever finished the one before
        } else if (reply_.size() < limit) {
            reply_ += "\n" + line;
        }
    }
    stream_->set_deadline({});
}

void ProxyFilter::put(Rec type, std::string_view text) {
    const auto part = type == Rec::kLine ? LinePart::kWhole : LinePart::kPartial;
    encoder_.line(text, part, content_);
}

bool ProxyFilter::spool() {
    const auto content = std::exchange(content_, {});
    if (!spool_) {
        return false;
    }
    const auto written = write_all(spool_.get(), content);
    if (!written) {
        log_warning("write proxy filter data: {}", std::strerror(written.error().sys_errno));
    }
    return written.has_value();
}

Task<bool> ProxyFilter::relieve() {
    if (content_.size() < kMuch) {
        co_return true;
    }
    if (at_once_) {
        co_return spool();
    }
    const auto bytes = std::exchange(content_, {});
    co_return co_await send(bytes);
}

// False: the filter is not there any more.
Task<bool> ProxyFilter::send(std::string_view bytes) {
    if (!stream_) {
        co_return false;
    }
    stream_->write(bytes);
    try {
        co_await stream_->flush();
    } catch (const TimedOut&) {
        lose("timeout talking to proxy");
    } catch (const IoError&) {
        lose("lost connection with proxy");
    }
    co_return stream_ != nullptr;
}

Task<bool> ProxyFilter::finish() {
    encoder_.finish(content_);
    if (at_once_) {
        const bool passed = co_await replay();
        if (!passed) {
            co_return false;
        }
    } else if (stream_) {
        stream_->write(std::exchange(content_, {}));
    }
    // The end of data stands in the content already: what is left is to hear.
    const bool heard = co_await exchange({"", kAnyReply});
    if (!heard || !reply_.starts_with('2')) {
        co_return false;
    }
    stream_->write("QUIT\r\n");
    try {
        co_await stream_->flush();
    } catch (const std::exception& error) {
        // The message is in its hands; how it ends the connection is its own business.
        if (log_verbose() > 0) {
            log_info("proxy filter {}: {}", service_, error.what());
        }
    }
    co_return true;
}

Task<bool> ProxyFilter::replay() {
    if (!spool()) {
        fail();
        co_return false;
    }
    const bool connected = co_await connect();
    if (!connected) {
        co_return false;
    }
    for (auto& command : commands_) {
        const bool good = co_await exchange(std::move(command));
        if (!good) {
            co_return false;
        }
    }
    co_return co_await send_spooled();
}

Task<bool> ProxyFilter::send_spooled() {
    std::string part(kMuch, '\0');
    for (off_t at = 0;;) {
        const auto got = ::pread(spool_.get(), part.data(), part.size(), at);
        if (got < 0) {
            log_warning("read proxy filter data: {}", std::strerror(errno));
            fail();
            co_return false;
        }
        if (got == 0) {
            co_return true;
        }
        at += got;
        const bool sent =
            co_await send(std::string_view(part).substr(0, static_cast<std::size_t>(got)));
        if (!sent) {
            co_return false;
        }
    }
}

}  // namespace relais::smtpd

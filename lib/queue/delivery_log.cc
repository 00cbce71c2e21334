#include "lib/queue/delivery_log.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/mail/address.h"

namespace relais {

namespace {

constexpr std::size_t kFirstRead = 4096;  // most logs are smaller
constexpr std::size_t kReadSize = 65536;
constexpr std::size_t kMaxLine = std::size_t{1} << 20;

// Writes an entry's lines, of printable text only.
class EntryWriter {
  public:
    explicit EntryWriter(Utf8 utf8) : utf8_(utf8) {}

    std::string clean(std::string_view value) const {
        std::string flat(value);
        std::ranges::replace(flat, '\n', ' ');  // a reply of several lines
        return printable(flat, '?', utf8_);
    }

    void line(std::string_view text) { (out_ += text) += '\n'; }

    void put(std::string_view name, std::string_view value) {
        ((out_ += name) += '=') += clean(value);
        out_ += '\n';
    }

    void put_if(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            put(name, value);
        }
    }

    void put_pair(std::string_view name, std::string_view value, std::string_view name2,
                  std::string_view value2) {
        if (!value.empty() && !value2.empty()) {
            put(name, value);
            put(name2, value2);
        }
    }

    std::string take() { return std::move(out_); }

  private:
    Utf8 utf8_;
    std::string out_;
};

template <class Number>
void take_number(Number& to, std::string_view text) {
    auto value = parse_int(text);
    if (value) {
        to = static_cast<Number>(*value);
    }
}

struct TextField {
    std::string_view name;
    std::string DeliveryStatus::* member;
};

constexpr std::array<TextField, 7> kStatusFields = {{
    {"status", &DeliveryStatus::status},
    {"action", &DeliveryStatus::action},
    {"diag_type", &DeliveryStatus::diag_type},
    {"diag_text", &DeliveryStatus::diag_text},
    {"mta_type", &DeliveryStatus::mta_type},
    {"mta_mname", &DeliveryStatus::mta_mname},
    {"reason", &DeliveryStatus::reason},
}};

void take_field(LogEntry& entry, std::string_view name, std::string_view value) {
    if (name == "recipient") {
        entry.address = value.empty() ? "(MAILER-DAEMON)" : value;
    } else if (name == "original_recipient") {
        entry.original = value.empty() ? "(MAILER-DAEMON)" : value;
    } else if (value.empty()) {
        return;
    } else if (name == "dsn_orig_rcpt") {
        entry.dsn_orig_rcpt = value;
    } else if (name == "offset") {
        take_number(entry.offset, value);
    } else if (name == "notify_flags") {
        take_number(entry.notify, value);
    } else {
        for (const TextField& field : kStatusFields) {
            if (field.name == name) {
                entry.status.*field.member = value;
            }
        }
    }
}

// "<address>: text" of the oldest versions.  What follows in name=value form says it better.
void take_old_style(LogEntry& entry, std::string_view line) {
    auto end = line.find(">: ");
    if (!line.starts_with('<') || end == std::string_view::npos) {
        return;
    }
    std::string_view address = line.substr(1, end - 1);
    entry.address = address.empty() ? "(MAILER-DAEMON)" : address;
    if (auto reason = trim(line.substr(end + 3)); !reason.empty()) {
        entry.status.reason = reason;
    }
}

}  // namespace

std::string format_log_entry(const LogEntry& entry, OldStyleLine old_style, Utf8 utf8) {
    std::string quoted = quote_address(entry.address);
    EntryWriter out(utf8);
    out.line("");
    if (old_style == OldStyleLine::kYes) {
        out.line("<" + out.clean(quoted) + ">: " + out.clean(entry.status.reason));
    }
    out.put("recipient", quoted.empty() ? "<>" : quoted);
    if (!entry.original.empty() && !iequals(entry.original, entry.address)) {
        out.put("original_recipient", quote_address(entry.original));
    }
    if (entry.offset > 0) {
        out.put("offset", std::to_string(entry.offset));
    }
    out.put_if("dsn_orig_rcpt", entry.dsn_orig_rcpt);
    if (entry.notify != 0) {
        out.put("notify_flags", std::to_string(entry.notify));
    }
    out.put_if("status", entry.status.status);
    out.put_if("action", entry.status.action);
    out.put_pair("diag_type", entry.status.diag_type, "diag_text", entry.status.diag_text);
    out.put_pair("mta_type", entry.status.mta_type, "mta_mname", entry.status.mta_mname);
    out.put_if("reason", entry.status.reason);
    out.line("");
    return out.take();
}

void DeliveryLogReader::rewind() {
    buffer_.clear();
    used_ = 0;
    read_at_ = 0;
    at_end_ = false;
}

Result<std::optional<std::string_view>> DeliveryLogReader::next_line() {
    for (;;) {
        std::string_view rest = std::string_view(buffer_).substr(used_);
        auto end = rest.find('\n');
        if (end != std::string_view::npos) {
            used_ += end + 1;
            return rest.substr(0, end);
        }
        if (rest.size() > kMaxLine) {
            return fail(Errc::kCorrupt, "a line of the log is too long");
        }
        buffer_.erase(0, used_);
        used_ = 0;
        auto more = read_more();
        if (!more) {
            return fail_with(more);
        }
        if (!*more) {
            used_ = buffer_.size();
            return buffer_.empty() ? std::nullopt : std::optional<std::string_view>(buffer_);
        }
    }
}

// False at the end of the file: a short read has shown it already.
Result<bool> DeliveryLogReader::read_more() {
    std::size_t had = buffer_.size();
    std::size_t most = read_at_ == 0 ? kFirstRead : kReadSize;
    ssize_t got = 0;
    if (!at_end_) {
        buffer_.resize_and_overwrite(had + most, [&](char* data, std::size_t) {
            got = ::pread(fd_, data + had, most, read_at_);
            return had + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        });
    }
    if (got < 0) {
        return fail_errno("read");
    }
    read_at_ += got;
    at_end_ = static_cast<std::size_t>(got) < most;
    return got > 0;
}

LogEntry DeliveryLogReader::empty_entry() const {
    LogEntry entry;
    bool deferred = defaults_ == Defaults::kDeferred;
    entry.address = "(recipient address unavailable)";
    entry.status.status = deferred ? "4.0.0" : "5.0.0";
    entry.status.action = deferred ? "delayed" : "failed";
    entry.status.reason = "(description unavailable)";
    return entry;
}

Result<std::optional<LogEntry>> DeliveryLogReader::next() {
    LogEntry entry = empty_entry();
    bool any = false;
    for (;;) {
        auto line = next_line();
        if (!line) {
            return fail_with(line);
        }
        if (!*line) {
            // An entry without its end is none: who asked for it was told that it failed.
            return std::nullopt;
        }
        if ((*line)->empty()) {
            if (any) {
                return entry;
            }
            continue;
        }
        std::string text = printable((*line)->substr(0, (*line)->find('\0')), '?', utf8_);
        any = true;
        auto parts = is_alnum(text[0]) ? split_first(text, '=') : std::nullopt;
        if (parts) {
            take_field(entry, trim(parts->first), trim(parts->second));
        } else {
            take_old_style(entry, text);
        }
    }
}

}  // namespace relais

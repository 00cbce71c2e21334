#include "lib/deliver/message_copy.h"

#include <array>
#include <cerrno>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"

namespace relais {

namespace {

// ctime(3) without its newline: the date of mbox files.
std::string mbox_date(std::time_t when) {
    std::tm parts{};
    ::localtime_r(&when, &parts);
    std::array<char, 64> text{};
    std::size_t size = std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &parts);
    return {text.data(), size};
}

constexpr std::size_t kPortion = 32768;

}  // namespace

MessageStream::MessageStream(int queue_file, std::int64_t data_offset, MessageCopy copy)
    : reader_(queue_file, data_offset), copy_(std::move(copy)) {
}

void MessageStream::put_head(std::string& out) const {
    std::string sender = quote_address(copy_.sender);
    if (copy_.format != MailboxFormat::kPlain) {
        out += format("From {}  {}\n", sender.empty() ? "MAILER-DAEMON" : sender,
                      mbox_date(copy_.when));
    }
    out += format("Return-Path: <{}>\n", sender);
    if (!copy_.original_to.empty() && conf().enable_original_recipient()) {
        out += format("X-Original-To: {}\n", quote_address(copy_.original_to));
    }
    if (!copy_.delivered_to.empty()) {
        out += format("Delivered-To: {}\n", quote_address(copy_.delivered_to));
    }
}

void MessageStream::put_line(const ContentReader::Line& line, std::string& out) {
    bool quoted =
        copy_.format == MailboxFormat::kMbox && at_line_start_ && line.text.starts_with("From ");
    if (quoted) {
        out += '>';
    }
    out += line.text;
    at_line_start_ = line.complete;
    if (at_line_start_) {
        out += '\n';
    }
}

Result<bool> MessageStream::read(std::string& out) {
    if (!started_) {
        started_ = true;
        put_head(out);
    }
    std::size_t enough = out.size() + kPortion;
    while (out.size() < enough) {
        auto line = reader_.next();
        if (!line) {
            return fail(Errc::kSyntax, "error reading message: " + line.error().message);
        }
        if (*line) {
            put_line(**line, out);
            continue;
        }
        if (!at_line_start_) {
            out += '\n';
        }
        if (copy_.format == MailboxFormat::kMbox) {
            out += '\n';
        }
        return false;
    }
    return true;
}

ContentWriter content_of(Delivery& delivery, MessageCopy copy) {
    Delivery* from = &delivery;
    return [from, copy = std::move(copy)](FileSink& to) -> Result<void> {
        MessageStream stream(from->file(), from->request.data_offset, copy);
        std::string portion;
        for (;;) {
            auto more = stream.read(portion);
            if (!more) {
                from->note_damage();
                return fail_with(more);
            }
            to.write(portion);
            portion.clear();
            if (!*more) {
                return {};
            }
        }
    };
}

static DsnCode code_of(const Error& error, DsnCode otherwise) {
    if (error.code == Errc::kSyntax) {
        return {4, 3, 0};
    }
    switch (error.sys_errno) {
        case EAGAIN:
        case ESTALE:
            return {4, 2, 0};
        case ENOSPC:
            return {4, 3, 0};
        case EDQUOT:
        case EFBIG:
            return {5, 2, 2};
        default:
            return otherwise;
    }
}

DeliveryStatus mailbox_failure(const Error& error, std::string_view prefix, DsnCode otherwise) {
    DeliveryStatus status =
        DeliveryStatus::of(code_of(error, otherwise), std::string(prefix) + error.message);
    if (error.message.starts_with(kWriteError)) {
        status.diag_type = "x-unix";
        status.diag_text = "input/output error";
    }
    return status;
}

}  // namespace relais

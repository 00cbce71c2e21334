#include "lib/deliver/message_copy.h"

#include <array>
#include <cerrno>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/machine_trouble.h"
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
// fault_injection_code: what follows the content is taken for damage.
constexpr int kDamagedContent = 1;

}  // namespace

std::string last_hop_headers(const MessageCopy& copy) {
    std::string lines;
    const std::string& eol = copy.end_of_line;
    if ((copy.additions & copy_addition::kReturnPath) != 0) {
        lines += format("Return-Path: <{}>{}", quote_address(copy.sender), eol);
    }
    if (!copy.original_to.empty()) {
        lines += format("X-Original-To: {}{}", quote_address(copy.original_to), eol);
    }
    if (!copy.delivered_to.empty()) {
        lines += format("Delivered-To: {}{}", quote_address(copy.delivered_to), eol);
    }
    return lines;
}

MessageStream::MessageStream(int queue_file, std::int64_t data_offset, MessageCopy copy)
    : reader_(queue_file, data_offset), copy_(std::move(copy)) {
    if (!conf().enable_original_recipient()) {
        copy_.original_to.clear();
    }
}

void MessageStream::put_head(std::string& out) const {
    if (has(copy_addition::kFromLine)) {
        std::string sender = quote_address(copy_.sender);
        out += format("From {}  {}{}", sender.empty() ? "MAILER-DAEMON" : sender,
                      mbox_date(copy_.when), copy_.end_of_line);
    }
    out += last_hop_headers(copy_);
}

void MessageStream::put_line(const ContentReader::Line& line, std::string& out) {
    if (at_line_start_ && has(copy_addition::kQuoteFrom) && line.text.starts_with("From ")) {
        out += '>';
    }
    if (at_line_start_ && has(copy_addition::kQuoteDot) && line.text.starts_with('.')) {
        out += '.';
    }
    out += line.text;
    at_line_start_ = line.complete;
    if (at_line_start_) {
        out += copy_.end_of_line;
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
            return std::unexpected(
                Error{.code = Errc::kSyntax,
                      .message = "error reading message: " + line.error().message,
                      .sys_errno = line.error().sys_errno});
        }
        if (*line) {
            put_line(**line, out);
            continue;
        }
        if (conf().fault_injection_code() == kDamagedContent) {
            log_warning("bad record type: 0 in message content");
            return fail(Errc::kSyntax, "error reading message: fault_injection_code is set");
        }
        if (!at_line_start_) {
            out += copy_.end_of_line;
        }
        if (has(copy_addition::kEmptyLine)) {
            out += copy_.end_of_line;
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
                from->note_unread(more.error());
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

// Nothing where it is large, or damaged: each copy meets the damage by itself.
static std::optional<std::string> without_head(const Delivery& delivery, unsigned additions) {
    constexpr std::size_t kMostKept = std::size_t{1} << 20;
    MessageCopy bare;
    bare.additions = additions & ~(copy_addition::kReturnPath | copy_addition::kFromLine);
    MessageStream stream(delivery.file(), delivery.request.data_offset, std::move(bare));
    std::string rest;
    for (;;) {
        auto more = stream.read(rest);
        if (!more || rest.size() > kMostKept) {
            return std::nullopt;
        }
        if (!*more) {
            return rest;
        }
    }
}

SharedCopy::SharedCopy(Delivery& delivery, unsigned additions)
    : delivery_(delivery), rest_(without_head(delivery, additions)) {
}

ContentWriter SharedCopy::content_for(MessageCopy copy) const {
    if (!rest_) {
        return content_of(delivery_, std::move(copy));
    }
    if (!conf().enable_original_recipient()) {
        copy.original_to.clear();
    }
    return [head = last_hop_headers(copy), rest = &*rest_](FileSink& to) -> Result<void> {
        to.write(head + *rest);
        return {};
    };
}

static DsnCode code_of(const Error& error, DsnCode otherwise) {
    if (error.code == Errc::kSyntax) {
        return {4, 3, 0};
    }
    // Postfix returns the mail where this is not a full disk.
    if (is_machine_trouble(error.sys_errno)) {
        return {4, 3, 0};
    }
    switch (error.sys_errno) {
        case EAGAIN:
        case ESTALE:
            return {4, 2, 0};
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

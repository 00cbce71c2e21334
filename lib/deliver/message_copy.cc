#include "lib/deliver/message_copy.h"

#include <array>
#include <cerrno>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/queue/record_reader.h"

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

void write_head(const MessageCopy& copy, FileSink& to) {
    std::string sender = quote_address(copy.sender);
    std::string head;
    if (copy.format == MailboxFormat::kMbox) {
        head += format("From {}  {}\n", sender.empty() ? "MAILER-DAEMON" : sender,
                       mbox_date(copy.when));
    }
    head += format("Return-Path: <{}>\n", sender);
    if (!copy.original_to.empty() && conf().enable_original_recipient()) {
        head += format("X-Original-To: {}\n", quote_address(copy.original_to));
    }
    if (!copy.delivered_to.empty()) {
        head += format("Delivered-To: {}\n", quote_address(copy.delivered_to));
    }
    to.write(head);
}

}  // namespace

Result<void> copy_message(int queue_file, std::int64_t data_offset, const MessageCopy& copy,
                          FileSink& to) {
    bool mbox = copy.format == MailboxFormat::kMbox;
    write_head(copy, to);
    ContentReader reader(queue_file, data_offset);
    bool at_line_start = true;
    for (;;) {
        auto line = reader.next();
        if (!line) {
            return fail(Errc::kSyntax, "error reading message: " + line.error().message);
        }
        if (!*line) {
            break;
        }
        if (mbox && at_line_start && (*line)->text.starts_with("From ")) {
            to.write(">");
        }
        to.write((*line)->text);
        at_line_start = (*line)->complete;
        if (at_line_start) {
            to.write("\n");
        }
    }
    if (!at_line_start) {
        to.write("\n");
    }
    if (mbox) {
        to.write("\n");
    }
    return {};
}

ContentWriter content_of(Delivery& delivery, MessageCopy copy) {
    Delivery* from = &delivery;
    return [from, copy = std::move(copy)](FileSink& to) {
        auto copied = copy_message(from->file(), from->request.data_offset, copy, to);
        if (!copied && copied.error().code == Errc::kSyntax) {
            from->note_damage();
        }
        return copied;
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

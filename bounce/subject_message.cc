#include "bounce/subject_message.h"

#include <fcntl.h>
#include <sys/file.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/internal_mail.h"
#include "lib/mail/address.h"
#include "lib/queue/record_reader.h"
#include "lib/queue/sendopts.h"

namespace relais::bounce {

namespace {

void take_record(SubjectMessage& to, const Record& record) {
    if (record.type == Rec::kTime) {
        auto seconds = parse_uint(split_words(record.data).empty() ? std::string_view()
                                                                   : split_words(record.data)[0]);
        to.arrival = static_cast<std::time_t>(seconds.value_or(0));
    } else if (record.type == Rec::kSize) {
        if (auto size = parse_size_record(record.data)) {
            to.size = size->size;
            to.data_offset = size->data_offset;
        }
    } else if (record.type == Rec::kSender) {
        to.sender = record.data.empty() ? mailer_daemon_address() : quote_address(record.data);
    }
}

void read_envelope_of(SubjectMessage& to, const std::string& queue_id) {
    RecordReader reader(to.file.get());
    for (;;) {
        auto record = reader.next();
        if (!record || !*record || (*record)->type == Rec::kContent) {
            break;
        }
        take_record(to, **record);
    }
    if (to.sender.empty()) {
        log_warning("{}: no sender before message content record", queue_id);
    }
}

// The Message-ID in the message's header: what References and In-Reply-To name.
std::string find_message_id(const SubjectMessage& message, const std::string& queue_id) {
    ContentReader reader(message.file.get(), message.data_offset);
    for (;;) {
        auto line = reader.next();
        if (!line || !*line || (*line)->text.empty()) {
            return {};
        }
        constexpr std::string_view kName = "message-id:";
        if (istarts_with((*line)->text, kName)) {
            std::string_view id = trim((*line)->text.substr(kName.size()));
            bool formed = id.starts_with('<') && id.ends_with('>') && id.size() > 4 &&
                          id.find_first_of(" \t\"()") == std::string_view::npos &&
                          id.find('@') != std::string_view::npos;
            if (!formed) {
                log_warning("{}: ignoring malformed Message-ID", queue_id);
            }
            return formed ? std::string(id) : std::string();
        }
    }
}

}  // namespace

SubjectMessage open_subject(const QueueDirs& dirs, const BounceRequest& request) {
    SubjectMessage message;
    if (conf().smtputf8_enable()) {
        message.encoding = "8bit";  // a reason or a template may be UTF-8 where the message is not
    } else if (request.encoding == "8bit" || request.encoding == "7bit") {
        message.encoding = request.encoding;
    } else if (!request.encoding.empty()) {
        log_warning("{}: unknown encoding: {}", request.queue_id, request.encoding.substr(0, 200));
    }
    message.require_tls = (request.sendopts & kRequireTls) != 0;
    message.tls_not_required = !message.require_tls && (request.sendopts & kTlsNotRequired) != 0;
    message.utf8 = (request.sendopts & kUtf8Requested) != 0;
    message.utf8_addresses = (request.sendopts & (kUtf8Requested | kUtf8Needed)) != 0;
    auto file = open_file(dirs.path(request.queue_name, request.queue_id), O_RDWR);
    if (!file) {
        if (file.error().sys_errno != ENOENT) {
            log_warning("open {} {}: {}", request.queue_name, request.queue_id,
                        file.error().message);
            message.unreadable = true;
        }
        return message;
    }
    message.file = std::move(*file);
    if (::flock(message.file.get(), LOCK_SH | LOCK_NB) < 0) {
        log_warning("cannot get shared lock on {}: {}", request.queue_id,
                    fail_errno("flock").error().message);
    }
    read_envelope_of(message, request.queue_id);
    if (conf().enable_threaded_bounces()) {
        message.message_id = find_message_id(message, request.queue_id);
    }
    return message;
}

}  // namespace relais::bounce

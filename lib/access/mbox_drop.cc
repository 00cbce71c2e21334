#include "lib/access/mbox_drop.h"

#include <ctime>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/header_fields.h"
#include "lib/store/mbox_delivery.h"
#include "lib/store/mbox_format.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

std::string sender_in(std::string_view header) {
    auto field = imap::find_field(header, "Return-Path");
    std::string sender = field ? imap::unfold(field->value) : "";
    std::string_view bare = trim(trim(sender), "<>");
    const bool usable = !bare.empty() && bare.find_first_of(kBlanks) == std::string_view::npos;
    return usable ? printable(bare) : "MAILER-DAEMON";
}

void write_quoted(FileSink& sink, std::string_view text) {
    constexpr std::string_view kFrom = "From ";
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        if (line.starts_with(kFrom)) {
            sink.write(">");
        }
        sink.write(line);
        sink.write("\n");
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
}

Result<MboxTarget> target_of(const MailboxPlace& place) {
    auto locks = parse_mailbox_locks("mailbox_delivery_lock", conf().mailbox_delivery_lock());
    if (!locks) {
        return fail_with(locks);
    }
    MboxTarget target;
    target.path = place.directory;
    target.locks = *locks;
    target.patience = {conf().deliver_lock_attempts(),
                       std::chrono::seconds(conf().deliver_lock_delay()),
                       std::chrono::seconds(conf().stale_lock_time())};
    target.mode = place.file_mode;
    target.kind = MboxKind::kRegularFile;
    // The lock on the file holds as well, where the directory is not the user's.
    target.dotlock_failure =
        locks->fcntl || locks->flock ? DotLockFailure::kWarn : DotLockFailure::kFatal;
    return target;
}

}  // namespace

Result<void> drop_into_mbox(const MailboxPlace& place, int message, std::uint64_t size) {
    auto target = target_of(place);
    auto text = target ? read_message_text(message, 0, size) : fail_with(target);
    if (!text) {
        return fail_with(text);
    }
    std::string_view whole = *text;
    auto end = whole.starts_with('\n') ? std::size_t{0} : whole.find("\n\n");
    const std::size_t head = end == std::string_view::npos ? whole.size() : end + 1;
    std::string header = visible_mbox_header(whole.substr(0, head));
    return deliver_mbox(*target, [&](FileSink& sink) {
        sink.write(format_from_line(sender_in(header), ::time(nullptr)));
        write_quoted(sink, header);
        write_quoted(sink, whole.substr(head));
        sink.write("\n");
        return Result<void>();
    });
}

}  // namespace relais

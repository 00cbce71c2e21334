#include "lib/ipc/internal_mail.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/delivery_request.h"
#include "lib/mail/date.h"

namespace relais {

namespace {

constexpr std::size_t kMuch = 65536;

bool has_word(std::string_view list, std::string_view word) {
    auto words = split_words(list, ", \t\r\n");
    return std::any_of(words.begin(), words.end(),
                       [word](std::string_view one) { return iequals(one, word); });
}

// internal_mail_filter_classes: header checks and milters look at this mail too.
unsigned filter_flags(MailSource source) {
    if (source != MailSource::kBounce && source != MailSource::kNotify) {
        return 0;
    }
    std::string_view word = source == MailSource::kBounce ? "bounce" : "notify";
    bool filtered = has_word(conf().internal_mail_filter_classes(), word);
    return filtered ? kCleanupFilter | kCleanupMilter : 0;
}

void put_envelope(CleanupClient& client, const InternalMailOptions& options, timeval now) {
    client.put(Rec::kTime, format("{} {}", now.tv_sec, now.tv_usec));
    client.put_attribute("log_message_origin", "local");
    client.put_attribute("trace_flags", std::to_string(options.trace_flags));
    client.put(Rec::kSender, options.sender);
    client.put(Rec::kRecipient, options.recipient);
    client.put(Rec::kContent, "");
}

}  // namespace

std::string double_bounce_address() {
    return conf().double_bounce_sender() + "@" + conf().myhostname();
}

std::string mailer_daemon_address() {
    return "MAILER-DAEMON@" + conf().myhostname();
}

Task<Result<std::unique_ptr<InternalMail>>> InternalMail::open(InternalMailOptions options) {
    unsigned flags = kCleanupInternal | filter_flags(options.source) |
                     utf8_detection(options.source) | options.cleanup_flags;
    std::string socket = "public/" + conf().cleanup_service_name();
    auto client = co_await CleanupClient::open(std::move(socket), flags, conf().ipc_timeout());
    if (!client) {
        co_return fail_with(client);
    }
    timeval now = time_of_day();
    put_envelope(**client, options, now);
    std::unique_ptr<InternalMail> mail(new InternalMail(std::move(*client)));
    std::string date = format_mail_date(now.tv_sec);
    mail->line(format("Received: by {} ({})", conf().myhostname(), conf().mail_name()));
    mail->line(format("\tid {}; {}", mail->queue_id(), date));
    mail->line("Date: " + date);
    co_return std::move(mail);
}

Task<Result<void>> InternalMail::flush_if_large() {
    if (client_->unsent() > kMuch) {
        co_return co_await client_->flush();
    }
    co_return Result<void>();
}

Task<Result<void>> InternalMail::finish() {
    client_->put(Rec::kExtracted, "");
    client_->put(Rec::kEnd, "");
    auto reply = co_await client_->finish();
    if (!reply) {
        co_return fail_with(reply);
    }
    if (!reply->ok()) {
        std::string_view text = cleanup_status_text(reply->status).text;
        co_return fail(Errc::kTemporary, "cleanup service: " + std::string(text));
    }
    co_return Result<void>();
}

}  // namespace relais

#include "lib/ipc/session_notice.h"

#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/internal_mail.h"

namespace relais {

namespace {

constexpr std::size_t kMaxTranscript = 8192;
constexpr std::size_t kWidth = 79;

struct ClassName {
    std::string_view name;
    unsigned bit;
};

constexpr std::array<ClassName, 7> kClasses = {{
    {"bounce", kNoticeBounce},
    {"2bounce", 0},
    {"data", kNoticeData},
    {"policy", kNoticePolicy},
    {"protocol", kNoticeProtocol},
    {"resource", kNoticeResource},
    {"software", kNoticeSoftware},
}};

// The transcript stands one blank in. A long line goes on four blanks further, broken at blanks
// where there are some.
void put_wrapped(InternalMail& mail, std::string_view line) {
    std::string indent;
    while (line.size() + indent.size() > kWidth) {
        const auto room = kWidth - indent.size();
        auto cut = line.substr(0, room + 1).find_last_of(" \t");
        if (cut == std::string_view::npos || trim(line.substr(0, cut)).empty()) {
            cut = line.find_first_of(" \t", line.find_first_not_of(" \t"));
        }
        if (cut == std::string_view::npos) {
            break;
        }
        mail.line(indent + std::string(trim_right(line.substr(0, cut))));
        line = trim_left(line.substr(cut));
        indent = "     ";
    }
    mail.line(indent + std::string(line));
}

}  // namespace

unsigned parse_notice_classes(std::string_view text) {
    unsigned set = 0;
    for (const auto word : split_words(text, ", \t\r\n")) {
        bool known = iequals(word, "delay");
        for (const auto& candidate : kClasses) {
            if (iequals(candidate.name, word)) {
                known = true;
                set |= candidate.bit;
            }
        }
        if (!known) {
            log_fatal("unknown name \"{}\" in \"{}\"", word, text);
        }
    }
    return set;
}

void Transcript::add(std::string_view prefix, std::string_view line) {
    count_ += 1;
    if (lines_.size() < kMaxTranscript) {
        lines_ += prefix;
        lines_ += printable(line.substr(0, kMaxTranscript));
        lines_ += '\n';
    }
}

void Transcript::out(std::string_view text) {
    for (const auto line : split_fields(trim_right(text, "\r\n"), '\n')) {
        add(" Out: ", trim_right(line, "\r"));
    }
}

Task<void> send_session_notice(SessionNotice notice, std::string transcript) {
    InternalMailOptions options;
    options.sender = double_bounce_address();
    options.recipient = notice.recipient;
    options.source = MailSource::kNotify;
    auto opened = co_await InternalMail::open(options);
    if (!opened) {
        log_warning("postmaster notify: {}", opened.error().message);
        co_return;
    }
    auto& mail = **opened;
    mail.line(format("From: Mail Delivery System <{}>", mailer_daemon_address()));
    mail.line(format("To: Postmaster <{}>", conf().error_notice_recipient()));
    mail.line(format("Subject: {} {}", conf().mail_name(), notice.subject));
    mail.line("");
    if (!notice.lead.empty()) {
        mail.line(notice.lead);
        mail.line("");
    }
    mail.line("Transcript of session follows.");
    mail.line("");
    for (const auto line : split_fields(trim_right(transcript, "\n"), '\n')) {
        put_wrapped(mail, line);
    }
    mail.line("");
    if (notice.lead.empty()) {
        mail.line("");
    }
    mail.line("For other details, see the local mail logfile");
    const auto sent = co_await mail.finish();
    if (!sent) {
        log_warning("postmaster notify: {}", sent.error().message);
    }
}

}  // namespace relais

// The header table and header syntax: see the header.
#include "lib/mail/header.h"

#include <algorithm>
#include <array>

#include "lib/base/strings.h"

namespace relais {
namespace {

constexpr unsigned kExtracted = kHeaderRecipient | kHeaderExtract;
constexpr unsigned kResentExtracted = kExtracted | kHeaderResent;

// In the order of HeaderId.
constexpr std::array<HeaderInfo, 36> kTable = {{
    {"", HeaderId::kOther, 0},
    {"Apparently-To", HeaderId::kApparentlyTo, kHeaderRecipient},
    {"Bcc", HeaderId::kBcc, kExtracted},
    {"Cc", HeaderId::kCc, kExtracted},
    {"Content-Description", HeaderId::kContentDescription, kHeaderMime},
    {"Content-Disposition", HeaderId::kContentDisposition, kHeaderMime},
    {"Content-ID", HeaderId::kContentId, kHeaderMime},
    {"Content-Length", HeaderId::kContentLength, 0},
    {"Content-Transfer-Encoding", HeaderId::kContentTransferEncoding, kHeaderMime},
    {"Content-Type", HeaderId::kContentType, kHeaderMime},
    {"Date", HeaderId::kDate, 0},
    {"Delivered-To", HeaderId::kDeliveredTo, 0},
    {"Disposition-Notification-To", HeaderId::kDispositionNotificationTo, kHeaderSender},
    {"DSN-ID", HeaderId::kDsnId, 0},
    {"Errors-To", HeaderId::kErrorsTo, kHeaderSender},
    {"From", HeaderId::kFrom, kHeaderSender},
    {"Mail-Followup-To", HeaderId::kMailFollowupTo, kHeaderSender},
    {"Message-Id", HeaderId::kMessageId, 0},
    {"MIME-Version", HeaderId::kMimeVersion, kHeaderMime},
    {"Received", HeaderId::kReceived, 0},
    {"Require-TLS-ESMTP", HeaderId::kRequireTlsEsmtp, 0},
    {"Reply-To", HeaderId::kReplyTo, kHeaderSender},
    {"Resent-Bcc", HeaderId::kResentBcc, kResentExtracted},
    {"Resent-Cc", HeaderId::kResentCc, kResentExtracted},
    {"Resent-Date", HeaderId::kResentDate, kHeaderResent},
    {"Resent-From", HeaderId::kResentFrom, kHeaderSender | kHeaderResent},
    {"Resent-Message-Id", HeaderId::kResentMessageId, kHeaderResent},
    {"Resent-Reply-To", HeaderId::kResentReplyTo, kHeaderSender | kHeaderResent},
    {"Resent-Sender", HeaderId::kResentSender, kHeaderSender | kHeaderResent},
    {"Resent-To", HeaderId::kResentTo, kResentExtracted},
    {"Return-Path", HeaderId::kReturnPath, kHeaderSender},
    {"Return-Receipt-To", HeaderId::kReturnReceiptTo, kHeaderSender},
    {"Sender", HeaderId::kSender, kHeaderSender},
    {"TLS-Required", HeaderId::kTlsRequired, 0},
    {"To", HeaderId::kTo, kExtracted},
    {"X-Mailer", HeaderId::kXMailer, 0},
}};

bool is_name_byte(char c) {
    return c > ' ' && c < 127 && c != ':';
}

// A line longer than this is not joined by fold_header (the tab counts one).
constexpr std::size_t kFoldWidth = 70;

}  // namespace

std::size_t header_name_length(std::string_view line) {
    std::size_t length = 0;
    while (length < line.size() && is_name_byte(line[length])) {
        ++length;
    }
    auto colon = length;
    while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) {
        ++colon;
    }
    return colon < line.size() && line[colon] == ':' ? length : 0;
}

std::string_view header_body(std::string_view header) {
    const auto colon = header.find(':');
    return colon == std::string_view::npos ? std::string_view{}
                                           : trim_left(header.substr(colon + 1));
}

const HeaderInfo* find_header(std::string_view header) {
    std::size_t length = 0;
    while (length < header.size() && is_name_byte(header[length])) {
        ++length;
    }
    const auto name = header.substr(0, length);
    const auto found = std::ranges::find_if(
        kTable, [name](const HeaderInfo& info) { return iequals(info.name, name); });
    return name.empty() || found == kTable.end() ? nullptr : &*found;
}

const HeaderInfo& header_info(HeaderId id) {
    return kTable.at(static_cast<std::size_t>(id));
}

std::string fold_header(std::string_view lines) {
    std::string folded;
    std::size_t width = 0;
    bool first = true;
    for (const auto line : split_fields(lines, '\n')) {
        if (first) {
            folded = line;
            width = line.size();
        } else if (width + 1 + line.size() < kFoldWidth) {
            folded += ' ';
            folded += line;
            width += 1 + line.size();
        } else {
            folded += "\n";
            if (line.empty() || (line.front() != ' ' && line.front() != '\t')) {
                folded += '\t';
            }
            folded += line;
            width = line.size();
        }
        first = false;
    }
    return folded;
}

}  // namespace relais

#include "tools/smtp-source/message.h"

#include <algorithm>
#include <ctime>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/mail/date.h"
#include "lib/smtp/data_encoder.h"

namespace relais::smtp_source {

namespace {

constexpr std::size_t kLine = 80;  // with its line end

// Lines of X.  All but the last begin with their number, as far as it has one digit.
std::string filler(std::size_t length) {
    std::string out;
    out.reserve(length + 2);
    std::size_t number = 1;
    for (; out.size() + kLine < length; ++number) {
        out += static_cast<char>('0' + number % 10);
        out.append(kLine - 3, 'X');
        out += "\r\n";
    }
    out.append(length - out.size(), 'X');
    return out + "\r\n";
}

std::string short_text() {
    std::string out;
    for (char number = '1'; number <= '4'; ++number) {
        out += "La de da de da ";
        out += number;
        out += ".\r\n";
    }
    return out;
}

// An empty line follows the file's last one.
std::string encoded(std::string_view text) {
    std::string out;
    smtp::DataEncoder encoder;
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        encoder.line(text.substr(0, end), LinePart::kWhole, out);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + "\r\n";
}

std::string today() {
    static std::time_t when = 0;
    static std::string text;
    std::time_t now = std::time(nullptr);
    if (now != when) {
        when = now;
        text = format_mail_date(now);
    }
    return text;
}

}  // namespace

Content::Content(ContentOptions options) : options_(std::move(options)) {
    std::string from_file;
    if (!options_.file.empty()) {
        auto read = read_file(options_.file);
        if (!read) {
            log_fatal("{}", read.error().message);
        }
        from_file = std::move(*read);
    }
    if (!from_file.empty()) {
        body_ = encoded(from_file);
    } else {
        body_ = options_.length > 0 ? filler(options_.length) : short_text();
    }
    body_ += ".\r\n";
}

void Content::append_to(std::string& out, const load::SourceOptions& names,
                        std::string_view id) const {
    if (options_.has_header) {
        out += "From: <" + names.from + ">\r\nTo: <" + names.to + ">\r\nDate: " + today() +
               "\r\nMessage-Id: <";
        out += id;
        out += "@" + names.my_name + ">\r\n";
        if (!options_.subject.empty()) {
            out += "Subject: " + options_.subject + "\r\n";
        }
        out += "\r\n";
    }
    out += body_;
}

}  // namespace relais::smtp_source

// Reading bounce_template_file.
#include <algorithm>
#include <optional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/header.h"

#include "bounce/templates.h"

namespace relais::bounce {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

// A file's lines, each up to its first NUL.
class Lines {
  public:
    explicit Lines(std::string_view text) : rest_(text) {}

    std::optional<std::string_view> next() {
        if (rest_.empty()) {
            return std::nullopt;
        }
        ++number_;
        auto end = rest_.find('\n');
        std::string_view line = rest_.substr(0, end);
        terminated_ = end != std::string_view::npos;
        rest_.remove_prefix(terminated_ ? end + 1 : rest_.size());
        return line.substr(0, line.find('\0'));
    }

    // Of the line that comes next: messages name that one, as Postfix's do.
    int next_number() const { return number_ + 1; }

    // Whether the last line had its newline.
    bool terminated() const { return terminated_; }

  private:
    std::string_view rest_;
    int number_ = 0;
    bool terminated_ = true;
};

struct Section {
    std::string name;  // "failure_template"
    std::vector<std::string> lines;
};

// The lines up to the marker.  Where it is missing the text is what there is.
void read_lines(Section& section, Lines& lines, const std::string& origin,
                std::string_view marker) {
    for (auto line = lines.next(); line; line = lines.next()) {
        if (*line == marker) {
            if (lines.terminated()) {
                return;
            }
            break;
        }
        section.lines.emplace_back(*line);
    }
    log_warning("{}, line {}: missing \"{}\" end marker", origin, lines.next_number(), marker);
}

// "name = text", or "name = <<EOF", the lines, "EOF".  A file in which something else stands is
// unusable.
std::optional<Section> next_section(Lines& lines, const std::string& origin) {
    for (auto line = lines.next(); line; line = lines.next()) {
        std::string_view text = trim_left(*line);
        if (trim(text).empty() || text.starts_with('#')) {
            continue;
        }
        auto stop = [&](std::string_view problem) {
            log_fatal("{}, line {}: {}", origin, lines.next_number(), problem);
        };
        std::size_t end = std::min(text.find_first_of("= \t\r\v\f"), text.size());
        std::string_view value = trim(text.substr(end));
        if (end == 0) {
            stop(format("missing attribute name: \"{}\"", *line));
        }
        if (!value.starts_with('=')) {
            stop(format("missing '=' after attribute name: \"{}\"", *line));
        }
        Section section;
        section.name = text.substr(0, end);
        value = trim(value.substr(1));
        if (!value.starts_with("<<")) {
            if (!value.empty()) {
                section.lines.emplace_back(value);
            }
            return section;
        }
        std::string_view marker = trim(value.substr(2));
        if (marker.empty() || !is_alnum(marker[0])) {
            stop(format("{} end marker after <<", marker.empty() ? "missing" : "malformed"));
        }
        read_lines(section, lines, origin, marker);
        return section;
    }
    return std::nullopt;
}

// One of the headers; false where it spoils the template.
bool take_header(Template& to, std::string_view line) {
    std::string_view label = line.substr(0, header_name_length(line));
    std::string_view value = header_body(line);
    if (trim(value).empty()) {
        log_warning("{}: empty \"{}\" header value in {} template -- ignoring this template",
                    to.origin, label, to.name());
        return false;
    }
    if (!is_ascii(value)) {
        log_warning("{}: non-ASCII \"{}\" header value in {} template -- ignoring this template",
                    to.origin, label, to.name());
        return false;
    }
    bool has_copies = to.kind == Kind::kFailure || to.kind == Kind::kDelay;
    if (iequals(label, "charset")) {
        to.charset = value;
    } else if (iequals(label, "from")) {
        to.from = value;
    } else if (iequals(label, "subject")) {
        to.subject = value;
    } else if (iequals(label, "postmaster-subject") && has_copies) {
        to.postmaster_subject = value;
    } else {
        bool misplaced = iequals(label, "postmaster-subject");
        log_warning("{}: {} \"{}\" header label in {} template -- ignoring this template",
                    to.origin, misplaced ? "inapplicable" : "unknown", label, to.name());
        return false;
    }
    return true;
}

bool take_section(Template& to, const Section& section) {
    std::size_t at = 0;
    while (at < section.lines.size() && section.lines[at].empty()) {
        ++at;
    }
    while (at < section.lines.size() && is_header(section.lines[at])) {
        if (!take_header(to, section.lines[at])) {
            return false;
        }
        ++at;
    }
    while (at < section.lines.size() && trim(section.lines[at]).empty()) {
        ++at;
    }
    to.text.assign(section.lines.begin() + static_cast<std::ptrdiff_t>(at), section.lines.end());
    if (to.text.empty()) {
        log_warning("{}: missing message text in {} template -- ignoring this template", to.origin,
                    to.name());
        return false;
    }
    for (const std::string& line : to.text) {
        if (!is_ascii(line) && iequals(to.charset, "us-ascii")) {
            log_warning("{}: 8-bit message text in {} template", to.origin, to.name());
            log_warning("please specify a charset value other than us-ascii");
            log_warning("-- ignoring this template for now");
            return false;
        }
    }
    return true;
}

}  // namespace

std::string_view Template::name() const {
    switch (kind) {
        case Kind::kFailure:
            return "failure";
        case Kind::kDelay:
            return "delay";
        case Kind::kSuccess:
            return "success";
        case Kind::kVerify:
            break;
    }
    return "verify";
}

void Templates::read_file(const std::string& path) {
    auto text = relais::read_file(path, kMaxFile);
    if (!text) {
        log_fatal("{}", text.error().message);
    }
    read_text(*text, path);
}

void Templates::read_text(std::string_view text, const std::string& origin) {
    // The whole file is read first.  The last of several counts, even where it is wrong.
    std::array<std::optional<Section>, 4> found;
    Lines lines(text);
    while (auto section = next_section(lines, origin)) {
        auto slot = std::ranges::find_if(templates_, [&](const Template& known) {
            return section->name == std::string(known.name()) + "_template";
        });
        if (slot != templates_.end()) {
            found.at(static_cast<std::size_t>(slot - templates_.begin())) = std::move(*section);
        } else {
            log_warning("{}, line {}: unknown template name: {} -- ignoring this template", origin,
                        lines.next_number(), section->name);
        }
    }
    for (std::size_t n = 0; n < found.size(); ++n) {
        Template fresh = templates_.at(n);
        fresh.origin = origin;
        if (found.at(n) && take_section(fresh, *found.at(n))) {
            templates_.at(n) = std::move(fresh);
        }
    }
}

}  // namespace relais::bounce

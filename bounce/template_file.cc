// Reading bounce_template_file.
#include <optional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "bounce/templates.h"

namespace relais::bounce {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

// A file's lines with their numbers.
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
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        return line;
    }

    int number() const { return number_; }

  private:
    std::string_view rest_;
    int number_ = 0;
};

struct Section {
    std::string name;  // "failure_template"
    std::vector<std::string> lines;
};

// "name = <<EOF", the lines, "EOF".  Nothing at the end of the file or where no more can be made
// of it.
std::optional<Section> next_section(Lines& lines, const std::string& origin) {
    for (auto line = lines.next(); line; line = lines.next()) {
        std::string_view text = trim(*line);
        if (text.empty() || text.starts_with('#')) {
            continue;
        }
        auto parts = split_first(text, '=');
        if (!parts || !trim(parts->second).starts_with("<<")) {
            log_warning("{}, line {}: \"name = <<marker\" expected: \"{}\"", origin, lines.number(),
                        text);
            return std::nullopt;
        }
        Section section;
        section.name = trim(parts->first);
        std::string marker(trim(trim(parts->second).substr(2)));
        if (marker.empty()) {
            log_warning("{}, line {}: missing end marker after <<", origin, lines.number());
            return std::nullopt;
        }
        for (auto body = lines.next(); body; body = lines.next()) {
            if (*body == marker) {
                return section;
            }
            section.lines.emplace_back(*body);
        }
        log_warning("{}, line {}: missing \"{}\" end marker", origin, lines.number(), marker);
        return std::nullopt;
    }
    return std::nullopt;
}

// One of the headers; false where it spoils the template.
bool take_header(Template& to, std::string_view line) {
    auto parts = split_first(line, ':');
    std::string_view label = trim(parts ? parts->first : line);
    std::string_view value = parts ? trim(parts->second) : "";
    if (value.empty()) {
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
    while (at < section.lines.size() &&
           is_alpha(section.lines[at].empty() ? '\0' : section.lines[at][0]) &&
           section.lines[at].find(':') != std::string::npos) {
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
    Lines lines(text);
    while (auto section = next_section(lines, origin)) {
        bool known = false;
        for (Template& slot : templates_) {
            if (section->name != std::string(slot.name()) + "_template") {
                continue;
            }
            known = true;
            Template fresh = slot;
            fresh.origin = origin;
            fresh.charset = "us-ascii";
            if (take_section(fresh, *section)) {
                slot = std::move(fresh);
            }
        }
        if (!known) {
            log_warning("{}, line {}: unknown template name: {} -- ignoring this template", origin,
                        lines.number(), section->name);
        }
    }
}

}  // namespace relais::bounce

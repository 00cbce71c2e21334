#include "bounce/dump_templates.h"

#include <array>

#include "lib/base/format.h"

namespace relais::bounce {

namespace {

constexpr std::array kKinds = {Kind::kFailure, Kind::kDelay, Kind::kSuccess, Kind::kVerify};

void append_lines(std::string& out, const std::vector<std::string>& lines) {
    for (const auto& line : lines) {
        out += line;
        out += '\n';
    }
    out += "EOF\n";
}

}  // namespace

std::string dump_templates(const Templates& templates) {
    std::string out;
    for (auto kind : kKinds) {
        const Template& text = templates.of(kind);
        out += out.empty() ? "" : "\n";
        out += format("{}_template = <<EOF\nCharset: {}\nFrom: {}\nSubject: {}\n", text.name(),
                      text.charset, text.from, text.subject);
        if (!text.postmaster_subject.empty()) {
            out += format("Postmaster-Subject: {}\n", text.postmaster_subject);
        }
        out += '\n';
        append_lines(out, text.text);
    }
    return out;
}

std::string dump_expanded(const Templates& templates) {
    std::string out;
    for (auto kind : kKinds) {
        const Template& text = templates.of(kind);
        out += out.empty() ? "" : "\n";
        out += format("expanded_{}_text = <<EOF\n", text.name());
        append_lines(out, expand_text(text));
    }
    return out;
}

}  // namespace relais::bounce

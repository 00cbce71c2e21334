#include "lib/base/known_ports.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

using Ports = std::unordered_map<std::string, std::string, StringHash, std::equal_to<>>;

Ports& ports() {
    static Ports table;
    return table;
}

bool is_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool has_blank(std::string_view text) {
    return text.find_first_of(kBlanks) != std::string_view::npos;
}

std::string_view problem_of_port(std::string_view port) {
    if (port.empty()) {
        return R"(missing port value after "=")";
    }
    return has_blank(port) ? "whitespace in port number" : "";
}

std::string_view problem_of_name(std::string_view name) {
    if (name.empty()) {
        return R"(missing service name before "=")";
    }
    if (has_blank(name)) {
        return "whitespace in service name";
    }
    return is_digits(name) ? "numerical service name" : "";
}

// Names before the first that is wrong count.
std::string_view add_entry(std::string_view entry) {
    auto fields = split_fields(entry, '=');
    auto port = trim(fields.back());
    fields.pop_back();
    if (auto problem = problem_of_port(port); !problem.empty()) {
        return problem;
    }
    for (std::string_view field : fields) {
        auto name = trim(field);
        if (auto problem = problem_of_name(name); !problem.empty()) {
            return problem;
        }
        if (!is_digits(port)) {
            return "non-numerical service port";
        }
        if (!ports().emplace(name, port).second) {
            return "duplicate service name";
        }
    }
    return "";
}

}  // namespace

std::vector<std::string> set_known_ports(std::string_view text) {
    std::vector<std::string> problems;
    ports().clear();
    for (std::string_view entry : split_words(text, ",")) {
        if (!entry.contains('=')) {
            problems.push_back(format("in \"{}\" is not in \"name = value\" form", entry));
        } else if (auto problem = add_entry(entry); !problem.empty()) {
            problems.push_back(format("in \"{}\": {}", entry, problem));
        }
    }
    return problems;
}

std::string known_port(std::string_view service) {
    auto found = ports().find(service);
    return found == ports().end() ? std::string(service) : found->second;
}

}  // namespace relais

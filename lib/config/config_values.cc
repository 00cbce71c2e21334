// How Config turns the text of a parameter into its value: defaults, expansion, types and bounds.
#include <algorithm>
#include <array>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/compat_level.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/values.h"

namespace relais {

namespace {

// The parameter that a per-transport suffix falls back to, where it is not "default" + suffix.
std::string fallback_name(std::string_view suffix) {
    if (suffix == "_initial_destination_concurrency") {
        return "initial_destination_concurrency";
    }
    if (suffix == "_time_limit") {
        return "command_time_limit";
    }
    return "default" + std::string(suffix);
}

// Host part of the names: what the kernel says, made a full name.
std::string kernel_host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        return "localhost";
    }
    return name.data();
}

Result<void> check_range(const ParameterInfo& info, std::string_view name, std::string_view text,
                         long number) {
    bool too_small = info.min != 0 && number < info.min;
    bool too_large = info.max != 0 && number > info.max;
    if (!too_small && !too_large) {
        return {};
    }
    if (info.type == ParameterType::kTime) {
        return fail(Errc::kSyntax, too_small
                                       ? format("invalid {}: {} (min {})", name, text, info.min)
                                       : format("invalid {}: {} (max {})", name, text, info.max));
    }
    return fail(Errc::kSyntax,
                too_small ? format("invalid {} parameter value {} < {}", name, text, info.min)
                          : format("invalid {} parameter value {} > {}", name, text, info.max));
}

// The number that `text` stands for; 0 and 1 for booleans.
Result<long> parse_number(const ParameterInfo& info, std::string_view name, std::string_view text) {
    std::optional<long> number;
    std::string wrong = format("bad numerical configuration: {} = {}", name, text);
    switch (info.type) {
        case ParameterType::kBool:
            number = parse_bool(text);
            wrong = format("bad boolean configuration: {} = {}", name, text);
            break;
        case ParameterType::kInt:
            number = parse_int_value(text);
            break;
        case ParameterType::kLong:
            number = parse_long_value(text);
            break;
        case ParameterType::kTime:
            if (auto time = parse_time(text, info.unit)) {
                number = time->count();
            }
            wrong = format("parameter {}: bad time value or unit: {}", name, text);
            break;
        case ParameterType::kString:
        case ParameterType::kRaw:
            return 0;
    }
    if (!number) {
        return fail(Errc::kSyntax, std::move(wrong));
    }
    auto in_range = check_range(info, name, text, *number);
    if (!in_range) {
        return fail_with(in_range);
    }
    return *number;
}

// A value that nothing can use.  As with Postfix, what is wrong with an expansion (kCorrupt) is
// told by a warning.
[[noreturn]] void end_because_of(const Error& error) {
    if (error.code == Errc::kCorrupt) {
        log_warning("{}", error.message);
        log_fatal("dictionary mail_dict: macro processing error");
    }
    log_fatal("{}", error.message);
}

// Debian's convention: myorigin may name the file whose first line it is (/etc/mailname).
Result<std::string> first_line_of(const std::string& path) {
    auto content = read_file(path, 65536);
    if (!content) {
        return fail_with(content);
    }
    return std::string(trim(content->substr(0, content->find('\n'))));
}

}  // namespace

// A name inside an expansion: unset parameters of the table have their defaults.
std::optional<std::string> Config::lookup(std::string_view name) const {
    if (const Setting* set = setting(name)) {
        return set->value;
    }
    auto index = find_parameter(name);
    if (!index) {
        return {};
    }
    auto info = parameter_at(*index);
    if (!info.is_computed()) {
        return std::string(info.default_text);
    }
    auto text = default_of(info);
    return text ? std::optional(*text) : std::nullopt;
}

Result<std::string> Config::default_of(const ParameterInfo& info) const {
    if (!info.is_computed()) {
        return info.type == ParameterType::kRaw ? Result<std::string>(info.default_text)
                                                : expand_text(info.default_text);
    }
    // "myhostname = mail.$mydomain", where mydomain comes from myhostname: not known yet is empty.
    if (std::ranges::find(being_computed_, info.name) != being_computed_.end()) {
        return std::string();
    }
    being_computed_.push_back(info.name);
    auto text = computed(info.name);
    being_computed_.pop_back();
    return text;
}

// The value of another parameter, for a computed default: an error instead of an end.
Result<std::string> Config::value_of(std::string_view name) const {
    auto value = evaluate(index_of(name));
    if (!value) {
        return fail_with(value);
    }
    return std::move(value->text);
}

Result<std::vector<InterfaceAddress>> Config::find_own_addresses() const {
    auto protocols = value_of("inet_protocols");
    auto interfaces = value_of("inet_interfaces");
    if (!protocols || !interfaces) {
        return fail_with(!protocols ? protocols : interfaces);
    }
    auto families = parse_inet_protocols(*protocols);
    return families ? select_interfaces(*interfaces, *families) : fail_with(families);
}

Result<std::string> Config::computed(std::string_view name) const {
    if (name == "myhostname") {
        auto host = kernel_host_name();
        if (host.contains('.')) {
            return host;
        }
        auto domain = is_set("mydomain") ? value_of("mydomain") : "localdomain";
        return domain ? Result<std::string>(host + "." + *domain) : domain;
    }
    if (name == "mydomain") {
        auto host = value_of("myhostname");
        if (!host) {
            return host;
        }
        auto parts = split_first(*host, '.');
        return parts ? std::string(parts->second) : "localdomain";
    }
    if (name == "mynetworks") {
        auto addresses = find_own_addresses();
        auto style = value_of("mynetworks_style");
        if (!addresses || !style) {
            return std::unexpected(!addresses ? addresses.error() : style.error());
        }
        return networks_of(*addresses, *style);
    }
    if (name == "config_directory") {
        return std::string(kDefaultConfigDirectory);
    }
    if (name == "process_id") {
        return format("{}", ::getpid());
    }
    return std::string();
}

Result<std::string> Config::expand_text(std::string_view text) const {
    if (!text.contains('$')) {
        return std::string(text);
    }
    ExpandOptions options;
    options.lookup = [this](std::string_view name) { return lookup(name); };
    options.recurse = true;
    auto expansion = expand(text, options);
    if (!expansion) {
        return fail(Errc::kCorrupt, std::move(expansion.error().message));
    }
    return std::move(expansion->text);
}

std::string Config::expand_or_die(std::string_view text) const {
    auto expanded = expand_text(text);
    if (!expanded) {
        end_because_of(expanded.error());
    }
    return std::move(*expanded);
}

Result<Config::Value> Config::evaluate(std::size_t index) const {
    auto info = parameter_at(index);
    const Setting* set = setting(info.name);
    Value value;
    if (set == nullptr || info.type != ParameterType::kRaw) {
        auto text = set != nullptr ? expand_text(set->value) : default_of(info);
        if (!text) {
            return fail_with(text);
        }
        value.text = std::move(*text);
    } else {
        value.text = set->value;
    }
    bool is_text = info.type == ParameterType::kString || info.type == ParameterType::kRaw;
    if (is_text && info.nonempty && value.text.empty() &&
        !(set == nullptr && info.default_text.empty())) {
        return fail(Errc::kSyntax, format("bad string length 0 < 1: {} = ", info.name));
    }
    auto number = parse_number(info, info.name, value.text);
    if (!number) {
        return fail_with(number);
    }
    value.number = *number;
    if (info.name == "myorigin" && value.text.starts_with('/')) {
        auto line = first_line_of(value.text);
        if (!line) {
            return fail_with(line);
        }
        value.text = std::move(*line);
    }
    value.ready = true;
    return value;
}

const Config::Value& Config::evaluated_at(std::size_t index) const {
    auto value = evaluate(index);
    if (!value) {
        end_because_of(value.error());
    }
    any_value_ = true;
    return values_[index] = std::move(*value);
}

std::size_t Config::index_of(std::string_view name) const {
    auto index = find_parameter(name);
    if (!index) {
        log_panic("no parameter {} in the table", name);
    }
    return *index;
}

const std::string& Config::text_value(std::string_view name) const {
    return text_at(index_of(name));
}

int Config::int_value(std::string_view name) const {
    return int_at(index_of(name));
}

long Config::long_value(std::string_view name) const {
    return long_at(index_of(name));
}

bool Config::bool_value(std::string_view name) const {
    return bool_at(index_of(name));
}

std::chrono::seconds Config::time_value(std::string_view name) const {
    return time_at(index_of(name));
}

Result<Config::Value> Config::transport_value(std::string_view transport,
                                              std::string_view suffix) const {
    auto name = std::string(transport) + std::string(suffix);
    if (auto index = find_parameter(name)) {
        return evaluate(*index);
    }
    auto index = index_of(fallback_name(suffix));
    const Setting* set = setting(name);
    if (set == nullptr) {
        return value_at(index);
    }
    auto text = expand_text(set->value);
    if (!text) {
        return fail_with(text);
    }
    auto number = parse_number(parameter_at(index), name, *text);
    if (!number) {
        return fail_with(number);
    }
    return Value{true, *number, std::move(*text)};
}

int Config::transport_int(std::string_view transport, std::string_view suffix) const {
    auto value = transport_value(transport, suffix);
    if (!value) {
        end_because_of(value.error());
    }
    return static_cast<int>(value->number);
}

std::chrono::seconds Config::transport_time(std::string_view transport,
                                            std::string_view suffix) const {
    auto value = transport_value(transport, suffix);
    if (!value) {
        end_because_of(value.error());
    }
    return std::chrono::seconds(value->number);
}

std::string Config::transport_text(std::string_view transport, std::string_view suffix) const {
    auto value = transport_value(transport, suffix);
    if (!value) {
        end_because_of(value.error());
    }
    return std::move(value->text);
}

std::optional<std::string> Config::find(std::string_view name) const {
    if (auto index = find_parameter(name)) {
        return text_at(*index);
    }
    const Setting* set = setting(name);
    if (set == nullptr) {
        return {};
    }
    return expand_or_die(set->value);
}

std::optional<std::string> Config::raw(std::string_view name) const {
    if (const Setting* set = setting(name)) {
        return set->value;
    }
    auto index = find_parameter(name);
    if (!index) {
        return {};
    }
    auto info = parameter_at(*index);
    if (info.is_computed()) {
        return text_at(*index);
    }
    return std::string(info.default_text);
}

bool Config::is_default(std::size_t parameter, std::string_view value) const {
    auto info = parameter_at(parameter);
    auto normal = default_of(info);
    auto text = info.type == ParameterType::kRaw ? std::string(value) : expand_text(value);
    if (!normal || !text) {
        return false;
    }
    if (info.type == ParameterType::kString || info.type == ParameterType::kRaw) {
        return *text == *normal;
    }
    auto number = parse_number(info, info.name, *text);
    auto usual = parse_number(info, info.name, *normal);
    return number && usual && *number == *usual;
}

namespace {

// What a transport's own parameters end in.
constexpr std::array<std::string_view, 17> kSuffixes = {
    "_destination_concurrency_failed_cohort_limit",
    "_destination_concurrency_limit",
    "_destination_rate_delay",
    "_destination_recipient_limit",
    "_delivery_slot_cost",
    "_delivery_slot_discount",
    "_delivery_slot_loan",
    "_extra_recipient_limit",
    "_initial_destination_concurrency",
    "_minimum_delivery_slots",
    "_recipient_limit",
    "_recipient_refill_delay",
    "_recipient_refill_limit",
    "_sessions_per_process",
    "_time_limit",
    "_transport_rate_delay",
    "_destination_concurrency_negative_feedback",
};

// The suffix that makes the name a transport's own parameter; empty where it is none.
std::string_view transport_suffix(std::string_view name) {
    for (auto suffix : kSuffixes) {
        if (name.ends_with(suffix) && name.size() > suffix.size()) {
            return suffix;
        }
    }
    return {};
}

}  // namespace

std::vector<std::string> Config::check() const {
    std::vector<std::string> problems;
    auto add = [&](std::string_view name, const std::string& message) {
        const Setting* set = setting(name);
        problems.push_back(
            set == nullptr || set->line == 0
                ? message
                : format("{}, line {}: {}: {}", set->file, set->line, name, message));
    };
    for (const auto& name : names()) {
        auto index = find_parameter(name);
        auto suffix = index ? std::string_view() : transport_suffix(name);
        std::string message;
        if (index || !suffix.empty()) {
            auto value = index
                             ? evaluate(*index)
                             : transport_value(name.substr(0, name.size() - suffix.size()), suffix);
            message = value ? "" : value.error().message;
        } else {
            auto text = expand_text(setting(name)->value);
            message = text ? "" : text.error().message;
        }
        if (!message.empty()) {
            add(name, message);
        }
    }
    if (!problems.empty()) {
        return problems;
    }
    if (!parse_compat_level(compatibility_level())) {
        add("compatibility_level",
            format("malformed compatibility level syntax: \"{}\"", compatibility_level()));
    }
    auto families = parse_inet_protocols(inet_protocols());
    if (!families) {
        add("inet_protocols", families.error().message);
    } else if (auto chosen = select_interfaces(inet_interfaces(), *families); !chosen) {
        add("inet_interfaces", chosen.error().message);
    }
    return problems;
}

bool Config::level_below(std::string_view level) const {
    auto own = parse_compat_level(compatibility_level());
    if (!own) {
        log_fatal("malformed compatibility level syntax: \"{}\"", compatibility_level());
    }
    return *own < parse_compat_level(level).value_or(0);
}

}  // namespace relais

#include "lib/maps/databases/client_settings.h"

#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

}  // namespace

Result<ClientSettings> ClientSettings::load(std::string name) {
    ClientSettings settings(std::move(name));
    if (!settings.in_file()) {
        return settings;
    }
    const std::string& path = settings.name_;
    auto text = read_file(path, kMaxFile);
    if (!text) {
        return text.error().sys_errno == 0 ? fail_with(text)
                                           : fail_errno("open " + path, text.error().sys_errno);
    }
    auto entries = parse_main_cf(*text, path);
    if (!entries) {
        return fail_with(entries);
    }
    for (MainCfEntry& entry : *entries) {
        auto [at, fresh] = settings.values_.try_emplace(entry.name, entry.value);
        if (!fresh) {
            log_warning("{}, line {}: overriding earlier entry: {}={}", path, entry.line,
                        entry.name, at->second);
            at->second = std::move(entry.value);
        }
    }
    return settings;
}

std::optional<std::string> ClientSettings::find(std::string_view key) const {
    if (!in_file()) {
        return conf().find(title(key));
    }
    auto it = values_.find(key);
    return it == values_.end() ? std::nullopt : std::optional(it->second);
}

bool ClientSettings::has(std::string_view key) const {
    return find(key).has_value();
}

std::string ClientSettings::title(std::string_view key) const {
    return in_file() ? std::string(key) : format("{}_{}", name_, key);
}

void ClientSettings::refuse(std::string_view text) {
    if (failure_.empty()) {
        failure_ = format("{}{}", in_file() ? name_ + ": " : "", text);
    }
}

std::string ClientSettings::text(std::string_view key, std::string_view fallback, Need need) {
    std::string value = find(key).value_or(std::string(fallback));
    if (value.empty() && need == Need::kRequired) {
        refuse(format("bad string length 0 < 1: {} = ", title(key)));
    }
    return value;
}

int ClientSettings::number(std::string_view key, int fallback, int least) {
    auto value = find(key);
    if (!value) {
        return fallback;
    }
    auto number = parse_int_value(*value);
    if (!number) {
        refuse(format("bad numerical configuration: {} = {}", title(key), *value));
        return fallback;
    }
    if (*number < least) {
        refuse(format("invalid {} parameter value {} < {}", title(key), *number, least));
    }
    return *number;
}

bool ClientSettings::flag(std::string_view key, bool fallback) {
    auto value = find(key);
    if (!value) {
        return fallback;
    }
    auto flag = parse_bool(*value);
    if (!flag) {
        refuse(format("bad boolean configuration: {} = {}", title(key), *value));
    }
    return flag.value_or(fallback);
}

Result<void> ClientSettings::failure() const {
    return failure_.empty() ? Result<void>() : fail(Errc::kSyntax, failure_);
}

}  // namespace relais

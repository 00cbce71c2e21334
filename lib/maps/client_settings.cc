#include "lib/maps/client_settings.h"

#include <optional>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

namespace relais {

Result<ClientSettings> ClientSettings::load(const std::string& name) {
    ClientSettings out(name);
    if (!out.is_file()) {
        return out;
    }
    auto text = read_file(name);
    if (!text) {
        return fail_errno("open " + name, text.error().sys_errno);
    }
    auto entries = parse_main_cf(*text, name);
    if (!entries) {
        return fail_with(entries);
    }
    for (MainCfEntry& entry : *entries) {
        auto [known, is_new] = out.values_.try_emplace(entry.name, entry.value);
        if (!is_new) {
            log_warning("{}, line {}: overriding earlier entry: {}={}", name, entry.line,
                        entry.name, known->second);
            known->second = std::move(entry.value);
        }
    }
    return out;
}

std::string ClientSettings::text(std::string_view key, std::string_view otherwise) const {
    std::optional<std::string> value;
    if (!is_file()) {
        value = conf().find(format("{}_{}", name_, key));
    } else if (auto it = values_.find(key); it != values_.end()) {
        value = it->second;
    }
    return value.value_or(std::string(otherwise));
}

Result<int> ClientSettings::number(std::string_view key, int otherwise, int least) const {
    std::string value = text(key, "");
    if (value.empty()) {
        return otherwise;
    }
    auto parsed = parse_int_value(value);
    if (!parsed) {
        return fail(Errc::kSyntax,
                    format("{}: bad numerical configuration: {} = {}", name_, key, value));
    }
    if (*parsed < least) {
        return fail(Errc::kSyntax,
                    format("{}: invalid {} parameter value {} < {}", name_, key, *parsed, least));
    }
    return *parsed;
}

}  // namespace relais

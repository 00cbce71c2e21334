#include "tools/relais/dovecot_quota.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/base/strings.h"

#include "tools/relais/dovecot_values.h"

namespace relais {

namespace {

// The same here, by name and value.
constexpr std::array<std::string_view, 8> kSame = {"quota_grace",          "quota_exceeded_message",
                                                   "quota_full_tempfail",  "quota_max_mail_size",
                                                   "quota_status_nouser",  "quota_status_overquota",
                                                   "quota_status_success", "quota_status_toolarge"};

// "quota_rule", "quota_rule2"
bool is_numbered(std::string_view name, std::string_view base) {
    return name.starts_with(base) && std::ranges::all_of(name.substr(base.size()), is_digit);
}

// 2.3 doubles the sign in all of its settings.
std::string single_percent(std::string text) {
    for (std::size_t at = 0; (at = text.find("%%", at)) != std::string::npos; ++at) {
        text.erase(at, 1);
    }
    return text;
}

// In a section of 2.4 names may have the prefix or not.
std::string_view short_name(std::string_view name) {
    constexpr std::string_view kPrefix = "quota_";
    return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

}  // namespace

void DovecotQuota::add_rule(std::string rule, const DovecotSetting& from) {
    rules_.emplace_back(std::move(rule), from);
}

// "maildir:User quota:ns=..."
void DovecotQuota::take_root(const DovecotSetting& setting) {
    auto parts = split_fields(setting.value, ':');
    constexpr std::array<std::string_view, 4> kCounting = {"maildir", "count", "dirsize", "dict"};
    if (std::ranges::find(kCounting, parts.front()) == kCounting.end()) {
        leave_(setting, "quotas are counted in the mailboxes");
        return;
    }
    const bool named = parts.size() > 1 && !parts[1].empty();
    set_("quota_root_name", named ? std::string(parts[1]) : "User quota", setting);
}

// "storage=95%% quota-warning 95 %u"
void DovecotQuota::take_warning_of_23(const DovecotSetting& setting) {
    auto words = split_words(setting.value);
    if (words.size() < 2) {
        leave_(setting, "that is no warning");
        return;
    }
    std::string arguments;
    for (std::size_t i = 2; i < words.size(); ++i) {
        arguments += " " + std::string(words[i]);
    }
    warnings_.push_back({single_percent(std::string(words[0])), std::string(words[1]),
                         single_percent(std::move(arguments)), setting});
}

bool DovecotQuota::take(const DovecotSetting& setting) {
    const std::string& name = setting.name;
    if (name == "quota") {
        take_root(setting);
    } else if (is_numbered(name, "quota_rule")) {
        add_rule(single_percent(setting.value), setting);
    } else if (is_numbered(name, "quota_warning")) {
        take_warning_of_23(setting);
    } else if (std::ranges::find(kSame, name) != kSame.end()) {
        set_(name, single_percent(setting.value), setting);
    } else if (name == "quota_storage_size") {
        add_rule("*:storage=" + setting.value, setting);
    } else if (name == "quota_message_count") {
        add_rule("*:messages=" + setting.value, setting);
    } else if (name == "quota_storage_grace") {
        set_("quota_grace", setting.value, setting);
    } else if (name == "quota_mail_size") {
        set_("quota_max_mail_size", setting.value, setting);
    } else {
        return name == "quota_vsizes";  // sizes on the wire do for Maildirs
    }
    return true;
}

bool DovecotQuota::take_mailbox(const std::string& mailbox, const DovecotSetting& setting) {
    if (setting.name == "quota_storage_extra") {
        add_rule(mailbox + ":storage=+" + setting.value, setting);
    } else if (setting.name == "quota_ignore") {
        if (setting.value == "yes") {
            add_rule(mailbox + ":ignore", setting);
        }
    } else {
        return false;
    }
    return true;
}

// "warning NAME { storage_percentage = 95  execute PROGRAM { args = 95 %{user} } }"
void DovecotQuota::take_warning_of_24(const DovecotSection& section) {
    Warning warning;
    for (const DovecotSetting& setting : section.settings) {
        const std::string_view name = short_name(setting.name);
        if (name == "storage_percentage" || name == "message_percentage") {
            const bool storage = name.starts_with("storage");
            warning.when = (storage ? "storage=" : "messages=") + setting.value + "%";
            warning.from = setting;
        } else if (name != "threshold" || setting.value != "over") {
            leave_(setting, "warnings tell that a limit is passed upwards");
        }
    }
    for (const DovecotSection& inner : section.sections) {
        if (inner.type == "execute") {
            warning.program = inner.name;
            warning.arguments = " " + short_variables(std::string(inner.get("args")));
        }
    }
    if (!warning.when.empty() && !warning.program.empty()) {
        warnings_.push_back(std::move(warning));
    }
}

void DovecotQuota::take_section(const DovecotSection& section) {
    set_("quota_root_name", section.name.empty() ? "User quota" : section.name,
         {section.type, section.name, section.line, false, section.file});
    for (const DovecotSetting& setting : section.settings) {
        DovecotSetting full = setting;
        full.name = "quota_" + std::string(short_name(setting.name));
        if (full.name == "quota_driver") {
            continue;  // what is counted is the same
        }
        if (!take(full)) {
            leave_(setting, "quotas have no such setting");
        }
    }
    for (const DovecotSection& inner : section.sections) {
        if (short_name(inner.type) == "warning") {
            take_warning_of_24(inner);
        }
    }
}

// "executable = script /usr/local/bin/quota-warning.sh"
bool DovecotQuota::take_service(const DovecotSection& section) {
    auto words = split_words(section.get("executable"));
    if (words.size() < 2 || words.front() != "script") {
        return false;
    }
    scripts_[section.name] = join(std::vector<std::string>(words.begin() + 1, words.end()), " ");
    return true;
}

void DovecotQuota::finish() {
    std::string rules;
    for (const auto& [rule, from] : rules_) {
        rules += (rules.empty() ? "" : ", ") + rule;
    }
    if (!rules_.empty()) {
        set_("quota_rules", rules, rules_.front().second);
    }
    std::string warnings;
    for (const Warning& warning : warnings_) {
        auto script = scripts_.find(warning.program);
        if (script == scripts_.end()) {
            leave_(warning.from, "there is no service " + warning.program + " with a script");
            continue;
        }
        warnings += (warnings.empty() ? "{ " : ", { ") + warning.when + " " + script->second +
                    warning.arguments + " }";
    }
    if (!warnings.empty()) {
        set_("quota_warnings", warnings, warnings_.front().from);
    }
}

}  // namespace relais

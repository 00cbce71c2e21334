#include "lib/store/mail_quota.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/store/maildir_size.h"

namespace relais {

namespace {

// With a limit, whether so much is too much.  Who is over it already gets no grace.
bool exceeds(std::int64_t now, std::int64_t more, std::int64_t limit, std::int64_t grace) {
    if (limit <= 0 || more <= 0) {
        return false;
    }
    std::int64_t most = now < limit ? limit + grace : limit;
    return now >= most || more > most - now;
}

std::unexpected<Error> bad_warning(std::string_view text) {
    return fail(Errc::kSyntax,
                "\"" + printable(text) +
                    "\" is not of the form storage=95% COMMAND or messages=95% COMMAND");
}

}  // namespace

Result<QuotaWarning> QuotaWarning::parse(std::string_view text) {
    auto words = split_words(text);
    if (words.size() < 2) {
        return bad_warning(text);
    }
    QuotaWarning warning;
    std::string_view what = words.front();
    warning.below = what.starts_with('-');
    what.remove_prefix(what.starts_with('-') || what.starts_with('+') ? 1 : 0);
    auto parts = split_first(what, '=');
    bool storage = parts && parts->first == "storage";
    warning.messages = parts && parts->first == "messages";
    auto value = parts ? QuotaValue::parse(parts->second, storage ? 1024 : 1) : std::nullopt;
    bool known = storage || warning.messages || (parts && parts->first == "bytes");
    if (!value || !known || value->number < 0) {
        return bad_warning(text);
    }
    warning.threshold = *value;
    for (std::size_t i = 1; i < words.size(); ++i) {
        warning.argv.emplace_back(words[i]);
    }
    return warning;
}

Result<QuotaSettings> QuotaSettings::from_configuration() {
    QuotaSettings settings;
    settings.root_name = conf().quota_root_name();
    auto grace = QuotaValue::parse(trim(conf().quota_grace()), 1);
    if (!grace || grace->number < 0) {
        return fail(Errc::kSyntax, "quota_grace: \"" + conf().quota_grace() + "\" is no size");
    }
    settings.grace = *grace;
    std::string_view largest = trim(conf().quota_max_mail_size());
    auto size = largest.empty() ? QuotaValue() : QuotaValue::parse(largest, 1);
    if (!size || size->percent || size->number < 0) {
        return fail(Errc::kSyntax,
                    "quota_max_mail_size: \"" + std::string(largest) + "\" is no size");
    }
    settings.max_mail_size = size->number;
    for (std::string_view item : split_list(conf().quota_warnings())) {
        auto inside = strip_braces(item);
        auto warning = inside ? QuotaWarning::parse(*inside) : fail_with(inside);
        if (!warning) {
            return fail(Errc::kSyntax, "quota_warnings: " + warning.error().message);
        }
        settings.warnings.push_back(std::move(*warning));
    }
    return settings;
}

MailQuota::MailQuota(const QuotaSettings& settings, QuotaRules rules, const MailTree& tree)
    : settings_(settings), rules_(std::move(rules)), tree_(tree) {
}

bool MailQuota::limited() const {
    return !settings_.root_name.empty() && !rules_.unlimited();
}

// Nothing where nothing is there yet.
Result<std::vector<std::string>> MailQuota::counted_directories() const {
    auto names = tree_.list();
    if (!names && names.error().sys_errno != ENOENT) {
        return names;
    }
    std::vector<std::string> directories;
    for (const std::string& name : names ? *names : std::vector<std::string>()) {
        if (counts(name)) {
            directories.push_back(tree_.place_of(name).directory);
        }
    }
    return directories;
}

Result<QuotaAmount> MailQuota::usage() const {
    return maildir_usage(tree_.control_root(), rules_.limit(),
                         [this] { return counted_directories(); });
}

Result<QuotaAmount> MailQuota::recount() const {
    return recount_maildir(tree_.control_root(), rules_.limit(),
                           [this] { return counted_directories(); });
}

QuotaVerdict MailQuota::judge(const QuotaAmount& usage, std::string_view folder, QuotaAmount more,
                              Grace grace) const {
    if (settings_.max_mail_size > 0 && more.bytes > settings_.max_mail_size * more.messages) {
        return QuotaVerdict::kTooLarge;
    }
    if (!counts(folder)) {
        return QuotaVerdict::kFits;
    }
    QuotaAmount limit = rules_.limit_for(folder);
    std::int64_t extra = grace == Grace::kAllowed ? settings_.grace.resolve(limit.bytes) : 0;
    bool over = exceeds(usage.bytes, more.bytes, limit.bytes, extra) ||
                exceeds(usage.messages, more.messages, limit.messages, 0);
    return over ? QuotaVerdict::kOver : QuotaVerdict::kFits;
}

bool MailQuota::passes(const QuotaWarning& warning, const QuotaAmount& before,
                       const QuotaAmount& after) const {
    QuotaAmount limits = rules_.limit();
    std::int64_t limit = warning.messages ? limits.messages : limits.bytes;
    std::int64_t threshold = warning.threshold.resolve(limit);
    if (threshold <= 0) {
        return false;
    }
    bool was = (warning.messages ? before.messages : before.bytes) >= threshold;
    bool is = (warning.messages ? after.messages : after.bytes) >= threshold;
    return warning.below ? was && !is : !was && is;
}

std::vector<std::string> MailQuota::warning(const QuotaAmount& before,
                                            const QuotaAmount& after) const {
    auto first = std::ranges::find_if(settings_.warnings, [&](const QuotaWarning& warning) {
        return passes(warning, before, after);
    });
    return first == settings_.warnings.end() ? std::vector<std::string>() : first->argv;
}

Result<QuotaRules> quota_rules_of(const std::vector<std::string>& own) {
    std::vector<std::string> rules;
    for (std::string_view rule : split_words(conf().quota_rules(), ",\r\n")) {
        rules.emplace_back(trim(rule));
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
        if (own[i].empty()) {
            continue;
        }
        rules.resize(std::max(rules.size(), i + 1));
        rules[i] = own[i];
    }
    return QuotaRules::parse(rules);
}

}  // namespace relais

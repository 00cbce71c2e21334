// The engine of restriction lists: see the header.
#include "smtpd/restrictions.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/smtp/reply.h"

#include "smtpd/session.h"

namespace relais::smtpd {
namespace {

constexpr int kMaxNesting = 10;

// Words between blanks and commas; "{ ... }" is one word without its braces.
std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> words;
    while (!(text = trim_left(text, ", \t\r\n")).empty()) {
        std::size_t end = 0;
        if (text.front() == '{') {
            int depth = 0;
            do {
                depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
                ++end;
            } while (end < text.size() && depth > 0);
            words.emplace_back(trim(text.substr(1, end - (depth == 0 ? 2 : 1))));
        } else {
            end = std::min(text.find_first_of(", \t\r\n"), text.size());
            words.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(end);
    }
    return words;
}

// "CODE DSN TEXT", with the class of the enhanced code made to fit the code.
std::string reply_text(int code, std::string_view dsn, std::string_view text) {
    std::string fitting(dsn);
    if (!fitting.empty()) {
        fitting[0] = static_cast<char>('0' + code / 100);
    }
    return format("{} {} {}", code, fitting, text);
}

}  // namespace

// What the client gave may come back in a reply, but nothing that a reply cannot hold.
static std::string clean(std::string_view reply) {
    return printable(reply, ' ', utf8_mode());
}

Verdict Check::reject(int code, std::string_view dsn, std::string_view text) {
    auto answer = clean(reply_text(code, dsn, text));
    auto& softer = session.checks.defer_if_reject.reply;
    if (!warn_only && softer && answer.starts_with('5')) {
        // Something that could not be found out might have let this mail pass.
        answer = *std::exchange(softer, std::nullopt);
    }
    if (conf().soft_bounce()) {
        answer = smtp::soften_reply(answer);
    }
    session.log_event(warn_only ? "reject_warning" : "reject", answer);
    if (warn_only) {
        return Verdict::kDunno;
    }
    reply = std::move(answer);
    return Verdict::kReject;
}

void Check::defer_if_permit(int code, std::string_view dsn, std::string_view text) {
    auto& pending = session.checks.defer_if_permit.reply;
    if (!pending && !warn_only) {
        pending = clean(reply_text(code, dsn, text));
    }
}

void Check::defer_if_reject(int code, std::string_view dsn, std::string_view text) {
    auto& pending = session.checks.defer_if_reject.reply;
    if (!pending && !warn_only) {
        pending = clean(reply_text(code, dsn, text));
    }
}

Verdict Check::reject_lookup_failure(std::string_view about) {
    return reject(451, "4.3.0", format("<{}>: Temporary lookup failure", about));
}

Verdict Check::reject_configuration() {
    return reject(451, "4.3.5", "Server configuration error");
}

RestrictionList::RestrictionList(std::string parameter, std::string_view text)
    : parameter_(std::move(parameter)) {
    add(split_list(text), 0);
}

void RestrictionList::add(const std::vector<std::string>& words, int depth) {
    Item item;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (iequals(words[i], "warn_if_reject")) {
            item.warn_only = true;
            continue;
        }
        item.name = words[i];
        item.info = find_restriction(item.name);
        if (item.info != nullptr && item.info->argument == Argument::kOne) {
            if (i + 1 == words.size()) {
                item.info = nullptr;  // an argument is missing: told when it is run
            } else {
                item.argument = words[++i];
            }
        } else if (item.info == nullptr && depth < kMaxNesting) {
            const auto classes = split_words(conf().smtpd_restriction_classes(), ", \t\r\n");
            const bool is_class =
                std::ranges::find(classes, std::string_view(item.name)) != classes.end();
            if (const auto definition = conf().find(item.name); is_class && definition) {
                item.nested = std::make_shared<RestrictionList>();
                item.nested->parameter_ = item.name;
                item.nested->add(split_list(*definition), depth + 1);
            }
        }
        items_.push_back(std::exchange(item, {}));
    }
}

bool RestrictionList::guards_relay() const {
    return std::ranges::any_of(items_, [](const Item& item) {
        return (item.info != nullptr && item.info->guards_relay && !item.warn_only) ||
               (item.nested && item.nested->guards_relay());
    });
}

Task<Verdict> RestrictionList::run(Check& check) const {
    for (const auto& item : items_) {
        const bool outer = std::exchange(check.warn_only, check.warn_only || item.warn_only);
        Verdict verdict = Verdict::kDunno;
        if (item.info != nullptr) {
            verdict = co_await item.info->run(check, item.argument);
        } else if (item.nested) {
            verdict = co_await item.nested->run(check);
        } else {
            log_warning("unknown smtpd restriction: \"{}\"", item.name);
            verdict = check.reject_configuration();
        }
        check.warn_only = outer;
        if (verdict != Verdict::kDunno) {
            co_return verdict;
        }
    }
    co_return Verdict::kDunno;
}

}  // namespace relais::smtpd

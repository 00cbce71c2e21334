#include "tools/smtp-sink/settings.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/load/endpoint.h"

namespace relais::smtp_sink {

namespace {

constexpr std::array<std::string_view, kVerbs> kNames = {
    "CONNECT", "HELO", "EHLO", "LHLO", "XCLIENT", "XFORWARD", "AUTH", "MAIL",
    "RCPT",    "DATA", ".",    "RSET", "NOOP",    "VRFY",     "QUIT"};

Verb verb_for_option(std::string_view word) {
    auto verb = verb_of(word);
    if (!verb) {
        log_fatal("unknown command: {}", word);
    }
    return *verb;
}

}  // namespace

std::optional<Verb> verb_of(std::string_view word) {
    auto at = std::ranges::find_if(kNames, [&](auto name) { return iequals(name, word); });
    if (at == kNames.end()) {
        return std::nullopt;
    }
    return static_cast<Verb>(at - kNames.begin());
}

std::string_view name_of(Verb verb) {
    return kNames[static_cast<std::size_t>(verb)];
}

void Settings::complete() {
    at(Verb::kHelo).unknown = lmtp;
    at(Verb::kEhlo).unknown = lmtp || !esmtp;
    at(Verb::kLhlo).unknown = !lmtp;
    at(Verb::kXclient).unknown = !offers_xclient;
    at(Verb::kXforward).unknown = !offers_xforward;
}

void mark_verbs(Settings& settings, std::string_view list, bool AtVerb::* mark) {
    for (auto word : split_words(list, ", \t\r\n")) {
        settings.at(verb_for_option(word)).*mark = true;
    }
}

void take_delay(Settings& settings, std::string_view argument) {
    auto fields = split_fields(argument, ':');
    if (fields.size() < 2) {
        log_fatal("invalid command delay argument: {}", argument);
    }
    AtVerb& at = settings.at(verb_for_option(fields[0]));
    int delay = load::number_option(fields[1], 1);
    if (delay < 1) {
        log_fatal("non-positive '{}' delay", fields[0]);
    }
    int odds = fields.size() > 2 ? load::number_option(fields[2], 0) : 0;
    if (odds < 0 || odds > 99) {
        log_fatal("delay odds for '{}' out of range", fields[0]);
    }
    at.delay = std::chrono::seconds(delay);
    at.delay_odds = odds;
}

std::string ehlo_reply(const Settings& settings) {
    std::string out = "250-" + settings.host_name + "\r\n";
    auto offer = [&out](bool offers, std::string_view line) {
        if (offers) {
            out += "250-";
            out += line;
            out += "\r\n";
        }
    };
    offer(settings.offers_pipelining, "PIPELINING");
    offer(settings.offers_8bitmime, "8BITMIME");
    offer(settings.offers_auth, "AUTH PLAIN LOGIN");
    offer(settings.offers_xclient, "XCLIENT NAME HELO");
    offer(settings.offers_xforward, "XFORWARD NAME ADDR PROTO HELO");
    offer(settings.offers_status_codes, "ENHANCEDSTATUSCODES");
    offer(settings.offers_dsn, "DSN");
    return out + "250 \r\n";
}

std::string unescaped(std::string_view text) {
    constexpr std::string_view kLetters = "abfnrtv";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
    std::string out;
    while (!text.empty()) {
        char c = text.front();
        text.remove_prefix(1);
        if (c != '\\' || text.empty()) {
            out += c;
            continue;
        }
        std::size_t digits = 0;
        while (digits < std::min<std::size_t>(3, text.size()) && text[digits] >= '0' &&
               text[digits] <= '7') {
            ++digits;
        }
        if (digits > 0) {
            out += static_cast<char>(*parse_octal(text.substr(0, digits)));
            text.remove_prefix(digits);
            continue;
        }
        auto letter = kLetters.find(text.front());
        out += letter != std::string_view::npos ? kMeanings[letter] : text.front();
        text.remove_prefix(1);
    }
    return out;
}

}  // namespace relais::smtp_sink

// The loop of the conversation and the tests in it; smtp_commands.cc has the commands,
// smtp_starttls.cc the way into TLS.
#include "postscreen/smtp_engine.h"

#include <ctime>

#include "lib/base/escape.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/header.h"
#include "lib/smtp/ehlo_keywords.h"

namespace relais::postscreen {

namespace {

constexpr std::string_view kPhase = "tests after SMTP handshake";
constexpr std::string_view kProtocolError = "5.5.1 Protocol error";
constexpr std::size_t kShown = 100;  // bytes of what a client sent ahead

std::string going_away() {
    return format("421 {} Service unavailable - try again later", conf().myhostname());
}

}  // namespace

SmtpEngine::SmtpEngine(Client& client) : client_(client) {
    client_.since_ = std::chrono::steady_clock::now();
    // Nobody who is here gets to smtpd any more.
    client_.stays_here_ = true;
    stream_ = std::make_unique<Stream>(std::move(client_.fd_));
}

Task<void> SmtpEngine::run() {
    try {
        co_await converse();
        if (!client_.final_reply_.empty()) {
            reply(client_.final_reply_);
        }
        stream_->set_deadline(Deadline::after(std::chrono::seconds(1)));
        co_await stream_->flush();
    } catch (const IoError&) {
        client_.note_hangup(kPhase);
    } catch (const TimedOut&) {
        // It does not take our replies.
        client_.hung_up_ = true;
    }
    client_.final_reply_.clear();
}

Task<void> SmtpEngine::converse() {
    // Who did not wait for the greeting needs none.
    if ((client_.failed_ & only(Test::kPregreet)) == 0) {
        reply(client_.site_.settings.greeting);
    }
    for (;;) {
        auto line = co_await read_line();
        if (!line) {
            co_return;
        }
        if (bare_newline_ && check_bare_newline(*line) == After::kEnd) {
            co_return;
        }
        const auto after = co_await execute(std::move(*line));
        if (after == After::kEnd) {
            co_return;
        }
    }
}

// The next command line without its end; nothing when it is over.
Task<std::optional<std::string>> SmtpEngine::read_line() {
    const auto& settings = client_.site_.settings;
    const auto limit = settings.command_time.at(client_.site_.under_stress);
    stream_->set_timeout(limit);
    stream_->set_deadline(Deadline::after(limit));
    for (;;) {
        const auto input = stream_->buffered();
        const auto end = input.find('\n');
        if (std::min(end, input.size()) > static_cast<std::size_t>(conf().line_length_limit())) {
            log_info("COMMAND LENGTH LIMIT from {} after {}", client_.label(), where_);
            end_with(going_away());
            co_return std::nullopt;
        }
        if (end != std::string_view::npos) {
            bare_newline_ = end == 0 || input[end - 1] != '\r';
            std::string line(trim_right(input.substr(0, end)));
            stream_->consume(end + 1);
            co_return line;
        }
        bool more = false;
        try {
            more = co_await stream_->fill();
        } catch (const TimedOut&) {
            log_info("COMMAND TIME LIMIT from {} after {}", client_.label(), where_);
            end_with(format("421 4.4.2 {} Error: timeout exceeded", conf().myhostname()));
            co_return std::nullopt;
        }
        if (!more) {
            client_.note_hangup(kPhase);
            co_return std::nullopt;
        }
    }
}

SmtpEngine::After SmtpEngine::fail(Test test, std::string_view reply) {
    over_ |= only(test);
    if (client_.site_.settings.action(test) == Action::kIgnore) {
        // Looked for again soon, but not in a row.
        client_.pass(test, std::time(nullptr) + client_.site_.settings.shortest_ttl.count());
    }
    return client_.fail(test, reply) ? After::kEnd : After::kGoOn;
}

SmtpEngine::After SmtpEngine::check_bare_newline(std::string_view line) {
    const auto test = Test::kBareNewline;
    if (!client_.is_todo(test) || (over_ & only(test)) != 0) {
        return After::kGoOn;
    }
    log_info("BARE NEWLINE from {} after {}", client_.label(), escaped(line));
    return fail(test, kProtocolError);
}

Task<SmtpEngine::After> SmtpEngine::check_non_smtp(std::string_view verb,
                                                   std::string_view arguments) {
    const auto test = Test::kNonSmtp;
    if (!client_.is_todo(test) || (over_ & only(test)) != 0) {
        co_return After::kGoOn;
    }
    bool forbidden = is_header(verb);
    if (!forbidden) {
        const auto match = co_await client_.site_.forbidden_commands.match(std::string(verb));
        forbidden = match == Match::kYes;
    }
    if (!forbidden) {
        co_return After::kGoOn;
    }
    log_info("NON-SMTP COMMAND from {} after {}: {:.100} {}", client_.label(), where_,
             printable(verb, '?', Utf8::kNo), printable(arguments, '?', Utf8::kNo));
    const auto after = fail(test, kProtocolError);
    if (after == After::kEnd) {
        client_.drop("521 5.7.0 Error: I can break rules, too. Goodbye.");
    }
    co_return after;
}

SmtpEngine::After SmtpEngine::check_pipelining(std::string_view verb) {
    const auto test = Test::kPipelining;
    if (!client_.is_todo(test) || (over_ & only(test)) != 0 || stream_->buffered().empty()) {
        return After::kGoOn;
    }
    log_info("COMMAND PIPELINING from {} after {:.100}: {}", client_.label(),
             printable(verb, '?', Utf8::kNo), escaped(stream_->buffered().substr(0, kShown)));
    return fail(test, kProtocolError);
}

// A client that comes to its recipient has shown that it speaks SMTP.
void SmtpEngine::pass_deep_tests() {
    const auto now = std::time(nullptr);
    const std::pair<Test, std::chrono::seconds> tests[] = {
        {Test::kPipelining, conf().postscreen_pipelining_ttl()},
        {Test::kNonSmtp, conf().postscreen_non_smtp_command_ttl()},
        {Test::kBareNewline, conf().postscreen_bare_newline_ttl()},
    };
    for (const auto& [test, lifetime] : tests) {
        if (client_.is_todo(test) && ((over_ | client_.passed_) & only(test)) == 0) {
            client_.pass(test, now + lifetime.count());
        }
    }
}

// postscreen_command_filter.  False where it cannot be asked.
Task<bool> SmtpEngine::filter(std::string* line) {
    const auto& table = client_.site_.command_filter;
    if (table.empty()) {
        co_return true;
    }
    const auto found = co_await table.lookup(*line);
    if (found.is_error()) {
        log_warning("{} lookup error for \"{:.100}\": {}", conf().postscreen_command_filter(),
                    printable(*line), found.reason());
        co_return false;
    }
    if (found.is_found()) {
        log_info("{}: replacing command \"{:.100}\" with \"{:.100}\"", client_.label(),
                 printable(*line), printable(found.value()));
        *line = found.value();
    }
    co_return true;
}

Task<SmtpEngine::After> SmtpEngine::execute(std::string line) {
    // What is behind a NUL was never a command.
    line.resize(std::min(line.size(), line.find('\0')));
    const bool filtered = co_await filter(&line);
    if (!filtered) {
        co_return end_with(going_away());
    }
    const auto text = trim_left(line);
    const auto verb = text.substr(0, text.find(' '));
    const auto arguments = trim_left(text.substr(verb.size()), " ");
    const auto* command = find_command(verb);
    if (command == nullptr) {
        const auto after = co_await check_non_smtp(verb, arguments);
        if (after == After::kEnd) {
            co_return after;
        }
    }
    if (check_pipelining(verb) == After::kEnd) {
        co_return After::kEnd;
    }
    const bool quits = command != nullptr && command->run == &SmtpEngine::quit;
    if (++commands_ > conf().postscreen_command_count_limit() && !quits) {
        log_info("COMMAND COUNT LIMIT from {} after {}", client_.label(), where_);
        co_return end_with(going_away());
    }
    where_ = command != nullptr ? command->name : "UNIMPLEMENTED";
    if (command != nullptr && command->run == &SmtpEngine::rcpt) {
        pass_deep_tests();
    }
    if (command == nullptr) {
        co_return reply("502 5.5.2 Error: command not recognized");
    }
    if (client_.site_.settings.tls_level >= TlsLevel::kEncrypt && !has_tls_ &&
        !command->before_tls) {
        co_return reply("530 5.7.0 Must issue a STARTTLS command first");
    }
    if (command->run == &SmtpEngine::ehlo && !arguments.empty()) {
        discarded_ = co_await discarded_keywords();
    }
    const auto after = (this->*command->run)(arguments);
    if (wants_tls_) {
        const auto secured = co_await start_tls();
        co_return secured;
    }
    co_return after;
}

// postscreen_discard_ehlo_keyword_address_maps go before the list for everybody.
Task<unsigned> SmtpEngine::discarded_keywords() {
    const auto& table = client_.site_.ehlo_keywords;
    const auto found = co_await table.lookup(client_.address_);
    if (found.is_error()) {
        log_warning("{} lookup error for {}: {}", table.title(), client_.address_, found.reason());
    }
    if (!found.is_found()) {
        co_return client_.site_.settings.discarded_keywords;
    }
    const unsigned discarded = smtp::parse_ehlo_keywords(found.value());
    if (discarded != 0 && (discarded & smtp::kEhloSilentDiscard) == 0) {
        log_info("[{}]{}: discarding EHLO keywords: {}", client_.address_, client_.port_,
                 smtp::format_ehlo_keywords(discarded));
    }
    co_return discarded;
}

SmtpEngine::After SmtpEngine::reply(std::string_view text) {
    stream_->write(client_.complete_reply(text));
    return After::kGoOn;
}

SmtpEngine::After SmtpEngine::end_with(std::string_view text) {
    client_.drop(text);
    return After::kEnd;
}

}  // namespace relais::postscreen

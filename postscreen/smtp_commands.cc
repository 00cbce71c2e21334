// The commands of the conversation.  Lenient: it is the recipients that are refused, and logged.
#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/deliver/log_line.h"
#include "lib/mail/address.h"
#include "lib/smtp/ehlo_keywords.h"

#include "postscreen/smtp_engine.h"

namespace relais::postscreen {

namespace {

// The address behind "FROM:" and "TO:" in internal form, whatever else is wrong with it: between
// "<" and the next ">", or up to a blank.
std::string lenient_address(std::string_view text) {
    text = trim_left(text, " ");
    const bool bracketed = text.starts_with('<');
    text.remove_prefix(bracketed ? 1 : 0);
    // A source route goes.  RFC 5321 appendix C
    if (const auto colon = text.find(':'); text.starts_with('@') && colon != text.npos) {
        text.remove_prefix(colon + 1);
    }
    std::string address;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char c = text[at];
        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (c == '\\' && at + 1 < text.size()) {
            c = text[++at];
        } else if (!quoted && (c == (bracketed ? '>' : ' '))) {
            break;
        }
        address += c;
    }
    return address;
}

}  // namespace

const SmtpEngine::Command* SmtpEngine::find_command(std::string_view verb) {
    static constexpr std::array kCommands = {
        Command{"HELO", &SmtpEngine::helo, true},
        Command{"EHLO", &SmtpEngine::ehlo, true},
        Command{"STARTTLS", &SmtpEngine::starttls, true},
        Command{"MAIL", &SmtpEngine::mail},
        Command{"RCPT", &SmtpEngine::rcpt},
        Command{"DATA", &SmtpEngine::data},
        Command{"BDAT", &SmtpEngine::bdat},
        Command{"RSET", &SmtpEngine::rset},
        Command{"NOOP", &SmtpEngine::noop, true},
        Command{"VRFY", &SmtpEngine::vrfy},
        Command{"ETRN", &SmtpEngine::etrn},
        Command{"QUIT", &SmtpEngine::quit, true},
    };
    for (const auto& command : kCommands) {
        if (iequals(command.name, verb)) {
            return &command;
        }
    }
    return nullptr;
}

SmtpEngine::After SmtpEngine::helo(std::string_view arguments) {
    if (arguments.empty()) {
        return reply("501 Syntax: HELO hostname");
    }
    helo_ = printable(arguments.substr(0, arguments.find(' ')), '?', utf8_mode());
    protocol_ = "SMTP";
    sender_.reset();
    return reply(format("250 {}", conf().myhostname()));
}

std::string SmtpEngine::keyword_list() const {
    const auto limit = conf().message_size_limit();
    const auto offered = [this](unsigned keyword) { return (discarded_ & keyword) == 0; };
    std::string out = format("250 {}", conf().myhostname());
    const auto add = [&](bool present, std::string_view line) {
        out += present ? "\n" : "";
        out += present ? line : "";
    };
    using namespace smtp;
    add(offered(kEhloSize), limit > 0 ? format("SIZE {}", limit) : "SIZE");
    add(offered(kEhloVrfy), "VRFY");
    add(offered(kEhloEtrn), "ETRN");
    add(offered(kEhloStarttls) && client_.site_.settings.tls_level != TlsLevel::kNone && !has_tls_,
        "STARTTLS");
    add(offered(kEhloEnhancedStatusCodes), "ENHANCEDSTATUSCODES");
    add(offered(kEhlo8bitmime), "8BITMIME");
    add(offered(kEhloDsn), "DSN");
    add(offered(kEhloSmtputf8) && conf().smtputf8_enable(), "SMTPUTF8");
    add(offered(kEhloChunking), "CHUNKING");
    return out;
}

SmtpEngine::After SmtpEngine::ehlo(std::string_view arguments) {
    if (arguments.empty()) {
        return reply("501 Syntax: EHLO hostname");
    }
    helo_ = printable(arguments.substr(0, arguments.find(' ')), '?', utf8_mode());
    protocol_ = "ESMTP";
    sender_.reset();
    return reply(keyword_list());
}

SmtpEngine::After SmtpEngine::mail(std::string_view arguments) {
    if (helo_.empty() && conf().postscreen_helo_required()) {
        return reply("503 5.5.1 Error: send HELO/EHLO first");
    }
    if (sender_) {
        return reply("503 5.5.1 Error: nested MAIL command");
    }
    const auto parts = split_first(arguments, ':');
    if (!parts) {
        return reply("501 5.5.4 Syntax: MAIL FROM:<address>");
    }
    sender_ = lenient_address(parts->second);
    return reply("250 2.1.0 Ok");
}

SmtpEngine::After SmtpEngine::rcpt(std::string_view arguments) {
    if (!sender_) {
        return reply("503 5.5.1 Error: need MAIL command");
    }
    const auto parts = split_first(arguments, ':');
    if (!parts) {
        return reply("501 5.5.4 Syntax: RCPT TO:<address>");
    }
    const auto recipient = lenient_address(parts->second);
    const auto line =
        format("NOQUEUE: reject: RCPT from {}: {}; from=<{}>, to=<{}>, proto={}, helo=<{}>",
               client_.label(), client_.recipient_reply(), address_in_log(*sender_),
               address_in_log(recipient), protocol_, helo_);
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
    return reply(client_.recipient_reply());
}

// Where a message would follow, the conversation cannot go on.
SmtpEngine::After SmtpEngine::end_without_mail(std::string_view command, std::string_view text) {
    log_info("{} without valid RCPT from {}", command, client_.label());
    return end_with(text);
}

SmtpEngine::After SmtpEngine::data(std::string_view arguments) {
    if (!arguments.empty()) {
        return end_without_mail("DATA", "501 5.5.4 Syntax: DATA");
    }
    return end_without_mail("DATA", sender_ ? "554 5.5.1 Error: no valid recipients"
                                            : "503 5.5.1 Error: need RCPT command");
}

SmtpEngine::After SmtpEngine::bdat(std::string_view arguments) {
    if ((discarded_ & smtp::kEhloChunking) != 0) {
        return end_without_mail("BDAT", "502 5.5.1 Error: command not implemented");
    }
    if (arguments.empty()) {
        return end_without_mail("BDAT", "501 5.5.4 Syntax: BDAT count [LAST]");
    }
    return end_without_mail("BDAT", sender_ ? "554 5.5.1 Error: no valid recipients"
                                            : "554 5.5.1 Error: need MAIL command");
}

SmtpEngine::After SmtpEngine::rset(std::string_view /*arguments*/) {
    sender_.reset();
    return reply("250 2.0.0 Ok");
}

SmtpEngine::After SmtpEngine::noop(std::string_view /*arguments*/) {
    return reply("250 2.0.0 Ok");
}

SmtpEngine::After SmtpEngine::vrfy(std::string_view arguments) {
    if (arguments.empty()) {
        return reply("501 5.5.4 Syntax: VRFY address");
    }
    if (conf().postscreen_disable_vrfy_command()) {
        return reply("502 5.5.1 VRFY command is disabled");
    }
    return reply(client_.recipient_reply());
}

SmtpEngine::After SmtpEngine::etrn(std::string_view arguments) {
    return reply(arguments.empty() ? "500 Syntax: ETRN domain" : "458 Unable to queue messages");
}

SmtpEngine::After SmtpEngine::quit(std::string_view /*arguments*/) {
    return end_with("221 2.0.0 Bye");
}

SmtpEngine::After SmtpEngine::starttls(std::string_view arguments) {
    if (!arguments.empty()) {
        // The words are Postfix's.
        return reply("501 Syntax: EHLO hostname");
    }
    if (has_tls_) {
        return reply("554 5.5.1 Error: TLS already active");
    }
    if (client_.site_.settings.tls_level == TlsLevel::kNone ||
        (discarded_ & smtp::kEhloStarttls) != 0) {
        return reply("502 5.5.1 Error: command not implemented");
    }
    wants_tls_ = true;
    return After::kGoOn;
}

}  // namespace relais::postscreen

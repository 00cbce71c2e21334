#include "tools/sendmail/submission.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/mail/address_list.h"

#include "tools/sendmail/header_recipients.h"
#include "tools/sendmail/message_input.h"
#include "tools/sendmail/postdrop_pipe.h"

namespace relais {

namespace {

constexpr int kVerifyOnly = 512;  // trace_flags of -bv and -v
constexpr int kReportDelivery = 1024;

// From when postdrop runs, which must be able to be set-gid: lines become records, no more.
constexpr SandboxTable kSandbox = {
    .files = {},
};

// Who runs this, for log lines and as the default sender.
struct Submitter {
    uid_t uid = ::getuid();
    std::string login;
    std::string full_name;
};

std::string capitalized(std::string text) {
    if (!text.empty()) {
        text[0] = to_upper(text[0]);
    }
    return text;
}

// The name part of the GECOS field; "&" stands for the login name.
std::string gecos_name(const passwd& user) {
    std::string name;
    std::string_view gecos = user.pw_gecos != nullptr ? user.pw_gecos : "";
    for (char c : gecos.substr(0, gecos.find_first_of(",;%"))) {
        name += c == '&' ? capitalized(user.pw_name) : std::string(1, c);
    }
    return name;
}

Submitter find_submitter() {
    Submitter who;
    const passwd* user = ::getpwuid(who.uid);
    if (user == nullptr) {
        log_fatal("unable to find login name for user ID {}", who.uid);
    }
    who.login = user->pw_name;
    const char* name = std::getenv("NAME");
    who.full_name = name != nullptr ? name : gecos_name(*user);
    return who;
}

// "Name <address>" and "address" to the internal form; "" and "<>" stay the null sender.
std::string sender_of(const SendmailOptions& options, const Submitter& who) {
    if (!options.have_sender) {
        return who.login;
    }
    AddressList list = AddressList::parse(options.sender);
    if (list.size() > 1) {
        log_warning("-f option specified malformed sender: {}", options.sender);
    }
    return list.size() == 0 ? std::string() : list.internal(0);
}

class Submission {
  public:
    Submission(const SendmailOptions& options, Submitter who, std::string sender)
        : options_(options),
          who_(std::move(who)),
          sender_(std::move(sender)),
          in_log_(format("{}({})", sender_, who_.uid)),
          postdrop_(in_log_) {}

    void run();

  private:
    void put_envelope();
    void put_recipient(std::string_view address);
    void put_command_line_recipients();
    void put_content();
    void put_probe();

    const SendmailOptions& options_;
    Submitter who_;
    std::string sender_;
    std::string in_log_;
    PostdropPipe postdrop_;
    HeaderRecipients header_recipients_;
};

void Submission::put_envelope() {
    if (!options_.envelope_id.empty()) {
        postdrop_.put_attribute("envelope_id", options_.envelope_id);
    }
    if (options_.ret != 0) {
        postdrop_.put_attribute("ret_flags", std::to_string(options_.ret));
    }
    if (options_.sendopts != 0) {
        postdrop_.put_attribute("sendopts", std::to_string(options_.sendopts));
    }
    postdrop_.put_attribute("rewrite_context", options_.remote_context ? "remote" : "local");
    const std::string& name = options_.full_name ? *options_.full_name : who_.full_name;
    if (!name.empty()) {
        postdrop_.put(Rec::kFullName, name);
    }
    postdrop_.put(Rec::kSender, sender_);
    if (!options_.encoding.empty()) {
        postdrop_.put_attribute("encoding", options_.encoding);
    }
    if (options_.verify != SendmailOptions::Verify::kNo) {
        bool only = options_.verify == SendmailOptions::Verify::kOnly;
        postdrop_.put_attribute("trace_flags",
                                std::to_string(only ? kVerifyOnly : kReportDelivery));
    }
    if (options_.verp) {
        if (sender_.empty()) {
            log_fatal("-V option requires non-null sender address");
        }
        postdrop_.put(Rec::kVerp, options_.verp_delimiters.empty()
                                      ? conf().default_verp_delimiters()
                                      : options_.verp_delimiters);
    }
    put_command_line_recipients();
}

void Submission::put_recipient(std::string_view address) {
    if (options_.notify != 0) {
        postdrop_.put_attribute("notify_flags", std::to_string(options_.notify));
    }
    postdrop_.put(Rec::kRecipient, address);
}

void Submission::put_command_line_recipients() {
    for (const std::string& argument : options_.arguments) {
        AddressList list = AddressList::parse(argument);
        if (list.size() == 0) {
            put_recipient("");  // the null address: mail for MAILER-DAEMON
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            put_recipient(list.internal(i));
        }
    }
}

void Submission::put_content() {
    MessageInput input(STDIN_FILENO, options_.lone_dot_ends ? MessageInput::LoneDot::kEnds
                                                            : MessageInput::LoneDot::kIsText);
    while (auto line = input.next()) {
        if (options_.recipients_from_header) {
            header_recipients_.take(line->text, line->complete);
        }
        postdrop_.put(line->complete ? Rec::kLine : Rec::kLinePart, line->text);
    }
    if (input.failed()) {
        log_fatal("{}: error reading input", in_log_);
    }
}

// -bv: nobody will read it.
void Submission::put_probe() {
    postdrop_.put(Rec::kLine, "From: " + sender_);
    postdrop_.put(Rec::kLine, "Subject: probe");
    postdrop_.put(Rec::kLinePart, "To:");
    for (const std::string& argument : options_.arguments) {
        bool last = &argument == &options_.arguments.back();
        postdrop_.put(Rec::kLine, "\t" + argument + (last ? "" : ","));
    }
}

void Submission::run() {
    put_envelope();
    postdrop_.put(Rec::kContent, "");
    if (options_.verify == SendmailOptions::Verify::kOnly) {
        put_probe();
    } else {
        put_content();
    }
    postdrop_.put(Rec::kExtracted, "");
    if (options_.recipients_from_header) {
        auto found = header_recipients_.finish();
        if (found.empty() && options_.arguments.empty()) {
            log_fatal("{}: No recipient addresses found in message header", in_log_);
        }
        for (const std::string& address : found) {
            put_recipient(address);
        }
    }
    postdrop_.put(Rec::kEnd, "");
    postdrop_.finish();
}

}  // namespace

int submit_message(const SendmailOptions& options) {
    Submitter who = find_submitter();
    std::string sender = sender_of(options, who);
    if (options.arguments.empty() && !options.recipients_from_header) {
        log_fatal(
            "{}({}): Recipient addresses must be specified on the command line or via the -t "
            "option",
            sender, who.uid);
    }
    Submission submission(options, std::move(who), sender);
    enter_sandbox(kSandbox);
    submission.run();
    if (options.verify != SendmailOptions::Verify::kNo) {
        std::printf("Mail Delivery Status Report will be mailed to <%s>.\n", sender.c_str());
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace relais

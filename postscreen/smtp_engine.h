// The SMTP conversation that postscreen holds itself, with clients that failed a test or must pass
// those after the greeting.  It takes no mail: a client that passes everything is told to come
// back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"

#include "postscreen/client.h"

namespace relais::postscreen {

class SmtpEngine {
  public:
    explicit SmtpEngine(Client& client);
    SmtpEngine(const SmtpEngine&) = delete;
    SmtpEngine& operator=(const SmtpEngine&) = delete;

    // Until the client is gone or was told good-bye; what remains to be said is the client's
    // final_reply_.
    [[nodiscard]] Task<void> run();

  private:
    enum class After { kGoOn, kEnd };

    struct Command {
        std::string_view name;
        After (SmtpEngine::*run)(std::string_view arguments);
        bool before_tls = false;  // allowed where TLS is mandatory
    };

    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<std::optional<std::string>> read_line();
    [[nodiscard]] Task<After> execute(std::string line);
    [[nodiscard]] Task<bool> filter(std::string* line);
    [[nodiscard]] Task<After> check_non_smtp(std::string_view verb, std::string_view arguments);
    [[nodiscard]] Task<After> start_tls();
    [[nodiscard]] Task<unsigned> discarded_keywords();
    [[nodiscard]] Task<bool> engage_tlsproxy();
    After check_bare_newline(std::string_view line);
    After check_pipelining(std::string_view verb);
    After fail(Test test, std::string_view reply);
    void pass_deep_tests();

    static const Command* find_command(std::string_view verb);
    After helo(std::string_view arguments);
    After ehlo(std::string_view arguments);
    After mail(std::string_view arguments);
    After rcpt(std::string_view arguments);
    After data(std::string_view arguments);
    After bdat(std::string_view arguments);
    After rset(std::string_view arguments);
    After noop(std::string_view arguments);
    After vrfy(std::string_view arguments);
    After etrn(std::string_view arguments);
    After quit(std::string_view arguments);
    After starttls(std::string_view arguments);

    After reply(std::string_view text);
    // The last word: said before the client is let go.
    After end_with(std::string_view text);
    After end_without_mail(std::string_view command, std::string_view text);
    std::string keyword_list() const;

    Client& client_;
    std::unique_ptr<Stream> stream_;
    std::string where_ = "CONNECT";  // for the log: the last command
    std::string helo_;
    std::string_view protocol_ = "SMTP";
    std::optional<std::string> sender_;  // internal form
    unsigned discarded_ = 0;             // EHLO keywords
    int commands_ = 0;
    TestSet over_ = 0;  // tests that need no further look
    bool bare_newline_ = false;
    bool has_tls_ = false;
    bool wants_tls_ = false;  // STARTTLS was accepted
};

}  // namespace relais::postscreen

// argv=: the words of a command with macros in them, made into the command line of one delivery.
// $name, ${name} and $(name) stand for what the request says, $$ for a dollar sign; there is
// nothing conditional.  A word with a macro about the recipient comes once for each recipient.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/ipc/delivery_request.h"

#include "services/pipe/attributes.h"

namespace relais::pipe_agent {

enum class Macro {
    kNone,
    // Of the message.
    kClientAddress,
    kClientHelo,
    kClientHostname,
    kClientPort,
    kClientProtocol,
    kEnvelopeId,
    kNexthop,
    kQueueId,
    kSaslMethod,
    kSaslSender,
    kSaslUsername,
    kSender,
    kSize,
    // Of a recipient.
    kDomain,
    kExtension,
    kMailbox,
    kOriginalRecipient,
    kRecipient,
    kUser,
};

class CommandLine {
  public:
    // `service` and `file` (master.cf) are for the text of the error, which is Postfix's.
    [[nodiscard]] static Result<CommandLine> parse(const PipeAttributes& attributes,
                                                   std::string_view file, std::string_view service);

    // The request has a recipient at least, as all that come by read_delivery_request().
    [[nodiscard]] std::vector<std::string> expand(const DeliveryRequest& request) const;

  private:
    // Text, and the macro behind it.
    struct Piece {
        std::string text;
        Macro macro = Macro::kNone;
    };

    struct Word {
        std::vector<Piece> pieces;
        bool for_each_recipient = false;
    };

    static Result<Word> parse_word(std::string_view text, std::string_view place);
    std::string expand_word(const Word& word, const DeliveryRequest& request,
                            const Recipient& recipient) const;
    std::string value_of(Macro macro, const DeliveryRequest& request) const;
    std::string value_of(Macro macro, const Recipient& recipient) const;
    std::string address_of(std::string_view address) const;

    std::vector<Word> words_;
    unsigned flags_ = 0;
    std::string null_sender_;
};

}  // namespace relais::pipe_agent

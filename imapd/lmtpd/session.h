// One LMTP session (RFC 2033): commands, recipients, content, and one reply for each recipient.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/stream.h"
#include "lib/smtp/chunk_decoder.h"
#include "lib/smtp/command_line.h"

#include "imapd/lmtpd/message.h"
#include "imapd/lmtpd/relay.h"
#include "imapd/lmtpd/site.h"

namespace relais::lmtpd {

struct Recipient {
    std::string path;      // as the replies name it, quoted
    std::string original;  // of ORCPT, decoded; may be empty
    DeliveryRecipient to;
    std::size_t same_as = 0;  // the place of the first recipient with this mailbox
    Relay* relay = nullptr;   // to the machine that has his mailbox; null: it is here
};

struct Transaction {
    std::string sender;  // quoted
    bool given = false;
    bool utf8 = false;
    std::vector<Recipient> recipients;
    std::vector<std::unique_ptr<Relay>> relays;
    std::unique_ptr<Message> message;          // once content has come
    std::optional<smtp::ChunkDecoder> chunks;  // while it comes by BDAT
    bool chunk_failed = false;
};

class Session {
  public:
    Session(Site& site, Stream& stream);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Serves the client until it is gone.
    [[nodiscard]] Task<void> run();

  private:
    using Command = Task<void> (Session::*)(const smtp::CommandLine* line);

    struct Verb {
        std::string_view name;
        Command run;
    };

    static const Verb* find_verb(std::string_view name);

    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<std::optional<std::string>> read_line();
    [[nodiscard]] Task<void> obey(std::string line);

    [[nodiscard]] Task<void> cmd_lhlo(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_starttls(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_mail(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_rcpt(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_data(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_bdat(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_rset(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_noop(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_xclient(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_vrfy(const smtp::CommandLine* line);
    [[nodiscard]] Task<void> cmd_quit(const smtp::CommandLine* line);

    // Recipients (recipients.cc).
    [[nodiscard]] std::string take_mail_parameters(const smtp::CommandLine& line);
    [[nodiscard]] Task<std::string> find_recipient(Recipient* recipient,
                                                   const std::string* address);
    [[nodiscard]] Task<std::string> check_quota(const Recipient* recipient);
    void add_recipient(Recipient recipient);

    // Those whose mailbox is on another machine (relaying.cc).
    [[nodiscard]] Task<std::string> relay_recipient(Recipient* recipient, UserRecord record);
    [[nodiscard]] Task<Result<Relay*>> relay_to(ProxyTarget target);
    std::string address_there(const Recipient& recipient, const ProxyTarget& target) const;
    [[nodiscard]] Task<std::map<std::size_t, std::string>> relay_content();
    ProxiedClient relayed_client() const;

    // Content (content.cc).
    void begin_content();
    [[nodiscard]] Task<void> receive_data();
    [[nodiscard]] Task<void> receive_chunk(std::uint64_t size);
    [[nodiscard]] Task<void> skip_chunk(std::uint64_t size);
    void take_line(const smtp::DataDecoder::Line& line);
    [[nodiscard]] Task<void> end_message();
    [[nodiscard]] Task<void> deliver_all();
    [[nodiscard]] Task<std::map<std::size_t, DeliveryResult>> deliver();
    void reply_for(std::size_t index, const DeliveryResult& result);
    void reply_relayed(std::size_t index, const std::string& text);
    void reply_for_all(std::string_view code, std::string_view text);

    void reply(std::string_view text);
    void reset();
    void show(std::string state);
    std::string id() const;  // of the transaction
    std::string id_for(std::size_t recipient) const;
    std::string trace_headers() const;
    std::string received_header() const;
    std::string told_address() const;

    Site& site_;
    Stream& stream_;
    std::string remote_;  // empty: a UNIX-domain socket
    std::string helo_;
    std::string session_id_;
    int transactions_ = 0;
    int errors_ = 0;
    bool secured_ = false;
    bool trusted_ = false;  // the client is a proxy of ours
    int hops_left_ = kMostProxyHops;
    bool done_ = false;
    Transaction mail_;
    std::optional<Title::Connection> title_;  // while it is served
};

}  // namespace relais::lmtpd

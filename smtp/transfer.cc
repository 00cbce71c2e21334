#include "smtp/transfer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/mail/orcpt.h"
#include "lib/queue/sendopts.h"
#include "lib/smtp/xforward.h"

#include "smtp/content.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

namespace {

// So many recipients go out before their replies are read: neither side's buffers fill up.
constexpr std::size_t kRecipientsAtOnce = 100;

// What ORCPT says of a recipient; nothing where it is not known.
std::string orcpt_value(const Recipient& recipient) {
    if (!recipient.dsn_orig_rcpt.empty()) {
        return format_orcpt(recipient.dsn_orig_rcpt);
    }
    return recipient.original.empty() ? std::string()
                                      : format_orcpt("rfc822;" + quote_address(recipient.original));
}

// A command that comes before MAIL.
struct Introduction {
    std::string command;
    const char* doing;
    std::string_view name;
};

// XFORWARD, where it is asked for and the server takes it.
std::vector<Introduction> introductions(const Settings& settings, const DeliveryRequest& request,
                                        const smtp::Capabilities& server) {
    if (!settings.send_xforward) {
        return {};
    }
    const auto known = [](const std::string& value) {
        return value == "unknown" ? std::string_view() : std::string_view(value);
    };
    const std::array<smtp::XforwardAttribute, 3> who = {
        {{"NAME", known(request.log_client_name)},
         {"ADDR", known(request.log_client_address)},
         {"PORT", known(request.log_client_port)}}};
    const std::array<smtp::XforwardAttribute, 4> how = {
        {{"PROTO", known(request.log_protocol_name)},
         {"HELO", known(request.log_helo_name)},
         {"IDENT", known(request.log_ident)},
         {"SOURCE", request.rewrite_context == "local" ? "LOCAL" : "REMOTE"}}};
    std::vector<Introduction> commands = {
        {xforward_command(server, who), "sending XFORWARD name/address",
         "XFORWARD name/address command"},
        {xforward_command(server, how), "sending XFORWARD protocol/helo_name",
         "XFORWARD helo/protocol command"}};
    std::erase_if(commands, [](const Introduction& one) { return one.command.empty(); });
    return commands;
}

class Transfer {
  public:
    Transfer(Client* client, Session* session, Delivery* delivery, RecipientList* recipients,
             RequireTls require_tls)
        : client_(client),
          settings_(client->settings),
          session_(session),
          delivery_(delivery),
          request_(&delivery->request),
          recipients_(recipients),
          probe_(delivery->is_probe()),
          require_tls_(require_tls) {
        for (std::size_t i = 0; i < recipients->size(); ++i) {
            if (recipients->is_open(i)) {
                targets_.push_back(i);
            }
        }
    }

    Task<void> run();

  private:
    bool pipelining() const { return session_->capabilities.has("PIPELINING"); }

    std::optional<DeliveryStatus> find_obstacle() const;
    DeliveryStatus quote_reply(const smtp::Reply& reply, std::string_view command) const;
    [[nodiscard]] Task<void> send_envelope();
    [[nodiscard]] Task<void> send_envelope_in_turn();
    [[nodiscard]] Task<void> read_introduction_reply(const Introduction& sent);
    [[nodiscard]] Task<void> read_mail_reply();
    [[nodiscard]] Task<void> read_rcpt_reply(std::size_t index);
    [[nodiscard]] Task<void> read_data_reply();
    [[nodiscard]] Task<void> send_message();
    [[nodiscard]] Task<void> read_final_replies();
    [[nodiscard]] Task<void> reset();

    [[nodiscard]] Task<std::string> envelope_form(std::string address);
    [[nodiscard]] Task<void> send_mail();
    [[nodiscard]] Task<void> send_rcpt(std::size_t index);

    Client* client_;
    const Settings& settings_;
    Session* session_;
    Delivery* delivery_;
    const DeliveryRequest* request_;
    RecipientList* recipients_;
    bool probe_;  // an address verification: the recipients are all that is asked for
    std::vector<Introduction> introductions_;
    std::vector<std::size_t> targets_;
    std::vector<std::size_t> accepted_;
    bool mail_refused_ = false;
    RequireTls require_tls_;
    bool data_accepted_ = false;
    bool data_sent_ = false;
};

// What this server can't do for this message.
std::optional<DeliveryStatus> Transfer::find_obstacle() const {
    const smtp::Capabilities& server = session_->capabilities;
    std::uint64_t limit = server.size_limit();
    if (limit > 0 && request_->data_size > 0 &&
        limit < static_cast<std::uint64_t>(request_->data_size)) {
        return local_trouble("5.3.4", format("message size {} exceeds size limit {} of server {}",
                                             request_->data_size, limit, session_->name()));
    }
    if ((request_->sendopts & kUtf8Requested) != 0 && (request_->sendopts & kUtf8Needed) != 0 &&
        !server.has("SMTPUTF8")) {
        return local_trouble("5.6.7", format("SMTPUTF8 is required, but was not offered by host {}",
                                             session_->name()));
    }
    return std::nullopt;
}

DeliveryStatus Transfer::quote_reply(const smtp::Reply& reply, std::string_view command) const {
    session_->judge(reply);
    return server_trouble(
        session_->host(), reply,
        format("host {} said: {} (in reply to {})", session_->name(), reply.one_line(), command));
}

Task<std::string> Transfer::envelope_form(std::string address) {
    if (client_->generic.active() && !address.empty()) {
        address = co_await client_->generic.address(std::move(address));
    }
    co_return settings_.quote_envelope ? quote_address(address) : address;
}

Task<void> Transfer::send_mail() {
    std::string sender = co_await envelope_form(request_->sender);
    auto line = mail_command(sender, *request_, session_->capabilities);
    if (require_tls_ != RequireTls::kDisable && session_->tls &&
        session_->capabilities.has("REQUIRETLS")) {
        line += " REQUIRETLS";
    }
    // It is this machine that has logged in, not the sender.  RFC 4954 5
    if (session_->logged_in && client_->logins->sends_mail_auth()) {
        line += " AUTH=<>";
    }
    session_->send(std::move(line));
}

Task<void> Transfer::send_rcpt(std::size_t index) {
    const Recipient& recipient = recipients_->at(index);
    std::string address = co_await envelope_form(recipient.address);
    session_->send(rcpt_command(address, recipient, session_->capabilities));
}

// Mail is delivered also where the server does not believe what it is told.
Task<void> Transfer::read_introduction_reply(const Introduction& sent) {
    session_->set_doing(sent.doing);
    smtp::Reply reply = co_await session_->reply(settings_.xforward_timeout);
    if (reply.klass() != 2) {
        log_warning("host {} said: {} (in reply to {})", session_->name_with_port(),
                    reply.one_line(), sent.name);
    }
}

Task<void> Transfer::read_mail_reply() {
    session_->set_doing("sending MAIL FROM");
    smtp::Reply reply = co_await session_->reply(settings_.mail_timeout);
    if (reply.klass() != 2) {
        mail_refused_ = true;
        co_await recipients_->all_failed(quote_reply(reply, "MAIL FROM command"), Throttle::kNo);
    }
}

Task<void> Transfer::read_rcpt_reply(std::size_t index) {
    session_->set_doing("sending RCPT TO");
    smtp::Reply reply = co_await session_->reply(settings_.rcpt_timeout);
    if (mail_refused_ || !recipients_->is_open(index)) {
        co_return;
    }
    if (reply.klass() != 2) {
        co_await recipients_->failed(index, quote_reply(reply, "RCPT TO command"));
    } else if (probe_ && !settings_.probe_with_data) {
        co_await recipients_->sent(index, std::move(reply));
    } else {
        accepted_.push_back(index);
    }
}

Task<void> Transfer::read_data_reply() {
    session_->set_doing("sending DATA command");
    smtp::Reply reply = co_await session_->reply(settings_.data_init_timeout);
    data_accepted_ = reply.klass() == 3;
    if (!data_accepted_ && !accepted_.empty()) {
        accepted_.clear();
        co_await recipients_->all_failed(quote_reply(reply, "DATA command"), Throttle::kNo);
    }
    if (data_accepted_ && probe_) {
        // Nothing is to be delivered, and hanging up is the only way out.
        session_->broken = true;
        reply.dsn = "2.0.0";
        for (std::size_t index : std::exchange(accepted_, {})) {
            co_await recipients_->sent(index, reply);
        }
    }
}

// RFC 2920: the envelope in as few packets as possible.
Task<void> Transfer::send_envelope() {
    for (const Introduction& one : introductions_) {
        session_->send(one.command);
    }
    co_await send_mail();
    bool mail_reply_due = true;
    for (std::size_t next = 0; next < targets_.size() && !mail_refused_;) {
        std::size_t end = std::min(targets_.size(), next + kRecipientsAtOnce);
        for (std::size_t i = next; i < end; ++i) {
            co_await send_rcpt(targets_[i]);
        }
        data_sent_ = end == targets_.size() && (!probe_ || settings_.probe_with_data);
        if (data_sent_) {
            session_->send("DATA");
        }
        if (mail_reply_due) {
            for (const Introduction& one : introductions_) {
                co_await read_introduction_reply(one);
            }
            co_await read_mail_reply();
            mail_reply_due = false;
        }
        for (std::size_t i = next; i < end; ++i) {
            co_await read_rcpt_reply(targets_[i]);
        }
        next = end;
    }
    if (data_sent_) {
        co_await read_data_reply();
    }
}

Task<void> Transfer::send_envelope_in_turn() {
    for (const Introduction& one : introductions_) {
        session_->send(one.command);
        co_await read_introduction_reply(one);
    }
    co_await send_mail();
    co_await read_mail_reply();
    for (std::size_t i = 0; i < targets_.size() && !mail_refused_; ++i) {
        co_await send_rcpt(targets_[i]);
        co_await read_rcpt_reply(targets_[i]);
    }
    if (!accepted_.empty()) {
        data_sent_ = true;
        session_->send("DATA");
        co_await read_data_reply();
    }
}

Task<void> Transfer::read_final_replies() {
    constexpr std::string_view kCommand = "end of DATA command";
    if (settings_.protocol == Protocol::kLmtp) {
        // RFC 2033 4.2: one reply for each recipient.
        for (std::size_t index : accepted_) {
            smtp::Reply reply = co_await session_->reply(settings_.data_done_timeout);
            if (reply.klass() == 2) {
                co_await recipients_->sent(index, std::move(reply));
            } else {
                co_await recipients_->failed(index, quote_reply(reply, kCommand));
            }
        }
        co_return;
    }
    smtp::Reply reply = co_await session_->reply(settings_.data_done_timeout);
    if (reply.klass() != 2) {
        co_await recipients_->all_failed(quote_reply(reply, kCommand), Throttle::kNo);
        co_return;
    }
    for (std::size_t index : accepted_) {
        co_await recipients_->sent(index, reply);
    }
}

Task<void> Transfer::send_message() {
    Stream& stream = session_->stream();
    session_->set_doing("sending message body");
    session_->allow(settings_.data_xfer_timeout);
    RateDeadline deadline(&stream, settings_.data_xfer_timeout,
                          settings_.per_request_deadline ? settings_.min_data_rate : 0);
    ContentOptions options;
    options.deadline = &deadline;
    options.pause = session_->pause_before_end;
    options.line_limit = static_cast<std::size_t>(std::max(settings_.line_length_limit, 0));
    options.to_7bit = settings_.convert_to_7bit && request_->encoding != "7bit" &&
                      !session_->capabilities.has("8BITMIME");
    options.generic = client_->generic.active() ? &client_->generic : nullptr;
    options.checks = client_->checks.empty() ? nullptr : &client_->checks;
    options.queue_id = request_->queue_id;
    options.headers = delivery_headers(client_->flags, *request_);
    auto written =
        co_await send_content(&stream, delivery_->file(), request_->data_offset, options);
    if (!written) {
        // Half a message is in the server's hands and must not be completed.
        log_warning("{}: {}", request_->queue_id, written.error().message);
        session_->broken = true;
        delivery_->note_unread(written.error());
        co_await recipients_->all_failed(local_data_error(session_->name()), Throttle::kNo);
        co_return;
    }
    session_->note_sent(".");
    session_->set_doing("sending end of data -- message may be sent more than once");
    co_await read_final_replies();
}

Task<void> Transfer::reset() {
    if (session_->closing || session_->broken) {
        co_return;
    }
    session_->set_doing("sending final RSET");
    smtp::Reply reply = co_await session_->command("RSET", settings_.rset_timeout);
    session_->reusable = session_->reusable && reply.klass() == 2;
}

Task<void> Transfer::run() {
    if (auto obstacle = find_obstacle()) {
        session_->broken = true;
        co_await recipients_->all_failed(std::move(*obstacle), Throttle::kNo);
        co_return;
    }
    introductions_ = introductions(settings_, *request_, session_->capabilities);
    const bool dsn_server = session_->capabilities.has("DSN");
    recipients_->set_dsn_server(dsn_server);
    recipients_->set_final_hop(settings_.protocol == Protocol::kLmtp && !dsn_server &&
                               client_->flags.final_hop);
    if (pipelining()) {
        co_await send_envelope();
    } else {
        co_await send_envelope_in_turn();
    }
    if (data_accepted_ && !accepted_.empty()) {
        co_await send_message();
        co_return;
    }
    if (data_accepted_ && !probe_) {
        // The server waits for a message that has no recipients.
        session_->set_doing("sending end of data -- message may be sent more than once");
        if (settings_.protocol == Protocol::kLmtp) {
            // RFC 2033 4.2: none is to be answered.  Whoever answers all the same is not awaited.
            session_->send(".");
            session_->reusable = false;
        } else {
            co_await session_->command(".", settings_.data_done_timeout);
        }
        co_return;
    }
    co_await reset();
}

}  // namespace

std::string mail_command(const std::string& sender, const DeliveryRequest& request,
                         const smtp::Capabilities& server) {
    std::string line = "MAIL FROM:<" + sender + ">";
    // What will be converted to 7 bits has another size.
    const bool converted = !server.has("8BITMIME") && request.encoding != "7bit" &&
                           !conf().disable_mime_output_conversion();
    if (server.has("SIZE") && !converted) {
        line += format(" SIZE={}", request.data_size);
    }
    if (server.has("8BITMIME")) {
        if (request.encoding == "8bit") {
            line += " BODY=8BITMIME";
        } else if (request.encoding == "7bit") {
            line += " BODY=7BIT";
        }
    }
    if (server.has("DSN")) {
        if (!request.envelope_id.empty()) {
            line += " ENVID=" + xtext_encode(request.envelope_id, "=");
        }
        if (request.ret_flags != 0) {
            line += format(" RET={}", format_ret(static_cast<DsnRet>(request.ret_flags)));
        }
    }
    if (server.has("SMTPUTF8") && (request.sendopts & kUtf8Requested) != 0) {
        line += " SMTPUTF8";
    }
    return line;
}

std::string rcpt_command(const std::string& address, const Recipient& recipient,
                         const smtp::Capabilities& server) {
    std::string line = "RCPT TO:<" + address + ">";
    if (server.has("DSN")) {
        if (std::string orcpt = orcpt_value(recipient); !orcpt.empty()) {
            line += " ORCPT=" + orcpt;
        }
        if (recipient.notify != 0) {
            line += " NOTIFY=" + format_notify(recipient.notify);
        }
    }
    return line;
}

Task<void> transfer(Client* client, Session* session, Delivery* delivery, RecipientList* recipients,
                    RequireTls require_tls) {
    Transfer one(client, session, delivery, recipients, require_tls);
    co_await one.run();
}

}  // namespace relais::smtp_client

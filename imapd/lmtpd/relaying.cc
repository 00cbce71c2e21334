// Recipients whose mailbox is on another machine, and what it answers for them.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"

#include "imapd/lmtpd/session.h"

namespace relais::lmtpd {

namespace {

constexpr ProxyPorts kPorts{24, 24};

Task<void> send_one(Relay* relay, RelayedContent content, std::vector<std::string>* replies) {
    *replies = co_await relay->send(std::move(content));
}

}  // namespace

ProxiedClient Session::relayed_client() const {
    ProxiedClient client;
    client.remote = SocketAddress::parse(remote_, 0).value_or(SocketAddress());
    client.local = SocketAddress::local_of(stream_.fd()).value_or(SocketAddress());
    client.hops_left = hops_left_ - 1;
    return client;
}

Task<Result<Relay*>> Session::relay_to(ProxyTarget target) {
    auto known = std::ranges::find_if(
        mail_.relays, [&target](const auto& relay) { return relay->goes_to(target); });
    if (known != mail_.relays.end()) {
        co_return known->get();
    }
    RelayedMail mail{mail_.sender, mail_.utf8, relayed_client()};
    auto opened = co_await Relay::open(&site_.backends(), std::move(target), std::move(mail));
    if (!opened) {
        co_return fail_with(opened);
    }
    mail_.relays.push_back(std::move(*opened));
    co_return mail_.relays.back().get();
}

// The same as here, unless he has another name there: the extension stays.
std::string Session::address_there(const Recipient& recipient, const ProxyTarget& target) const {
    if (target.user == recipient.to.identity.user) {
        return recipient.path;
    }
    auto parts = split_last(target.user, '@');
    std::string address(parts ? parts->first : std::string_view(target.user));
    if (!recipient.to.folder.empty()) {
        address += conf().recipient_delimiter().substr(0, 1) + recipient.to.folder;
    }
    if (parts) {
        address += format("@{}", parts->second);
    }
    return quote_address(address);
}

// Empty, or the reply that refuses him.
Task<std::string> Session::relay_recipient(Recipient* recipient, UserRecord record) {
    recipient->to.identity = std::move(record.identity);
    std::string user = printable(recipient->to.identity.user);
    auto target = proxy_target(*record.elsewhere, recipient->to.identity.user, kPorts);
    if (target && SocketAddress::local_of(stream_.fd()) == target->address) {
        target = fail(Errc::kSyntax, "the proxied connection would come back here");
    }
    if (!target) {
        log_warning("{}: proxy({}): {}", id(), user, target.error().message);
        co_return format("451 4.3.0 <{}> Temporary internal error", recipient->path);
    }
    if (hops_left_ <= 1) {
        log_warning("{}: proxy({}): TTL reached zero: proxies appear to be looping", id(), user);
        co_return format("554 5.4.6 <{}> Proxying appears to be looping", recipient->path);
    }
    std::string there = address_there(*recipient, *target);
    std::string name = target->name();
    auto relay = co_await relay_to(std::move(*target));
    if (!relay) {
        log_warning("{}: proxy({}): {}: {}", id(), user, name, relay.error().message);
        co_return format("451 4.4.0 <{}> Remote server not answering", recipient->path);
    }
    Relay::Answer answer = co_await (*relay)->add(std::move(there));
    if (answer.taken) {
        recipient->relay = *relay;
        co_return "";
    }
    co_return answer.reply;
}

// By the place of the recipient.  All machines get it at once.
Task<std::map<std::size_t, std::string>> Session::relay_content() {
    std::string header = received_header();
    std::vector<std::vector<std::string>> answers(mail_.relays.size());
    TaskGroup group;
    for (std::size_t i = 0; i < mail_.relays.size(); ++i) {
        RelayedContent content{mail_.message->fd(), mail_.message->content_offset(), header};
        group.spawn(send_one(mail_.relays[i].get(), std::move(content), &answers[i]));
    }
    co_await group.join_or_close();
    std::map<std::size_t, std::string> replies;
    std::map<const Relay*, std::size_t> next;
    for (std::size_t i = 0; i < mail_.recipients.size(); ++i) {
        const Relay* relay = mail_.recipients[i].relay;
        for (std::size_t k = 0; relay != nullptr && k < mail_.relays.size(); ++k) {
            if (mail_.relays[k].get() == relay) {
                replies[i] = answers[k][next[relay]++];
            }
        }
    }
    co_return replies;
}

void Session::reply_relayed(std::size_t index, const std::string& text) {
    const Recipient& recipient = mail_.recipients[index];
    stream_.write(text + "\r\n");
    const std::string& msgid = mail_.message->message_id();
    log_info("{}: proxy({}): from=<{}>, size={}, msgid={}: {}", id_for(index),
             printable(recipient.to.identity.user), printable(mail_.sender), mail_.message->size(),
             msgid.empty() ? "unspecified" : printable(msgid), printable(text));
}

}  // namespace relais::lmtpd

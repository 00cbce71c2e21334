// Asks auth who it was that logged in.  The broker asks to find the user's process, and the root
// helper asks again for itself before it makes one: neither believes the other side of its socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/socket_address.h"
#include "lib/event/loop.h"
#include "lib/sasl/auth_client.h"

namespace relais {

// By which auth knows a login, for a short while.
struct LoginTicket {
    std::string cookie;
    std::uint32_t client_pid = 0;
    std::uint32_t request = 0;

    std::string serialize() const;
    [[nodiscard]] static Result<LoginTicket> parse(std::string_view bytes);
};

// Whose process it is to be.  Two that differ in anything are not for the same process.
struct WorkerIdentity {
    std::string user;
    std::string home;
    std::string mail;  // overrides imap_mail_location
    long uid = -1;     // -1: as whoever started the service
    long gid = -1;
    std::vector<std::string> quota_rules{};  // his own: quota_rule, quota_rule2, ...
    std::vector<std::string> acl_groups{};   // that he belongs to

    friend bool operator==(const WorkerIdentity&, const WorkerIdentity&) = default;
};

// The highest N of a user's fields quota_ruleN.
constexpr std::size_t kMostQuotaRules = 50;

// What a reply about a user says.
[[nodiscard]] WorkerIdentity identity_in(const AuthReply& reply);

// What auth knows about a user.
struct UserRecord {
    WorkerIdentity identity;
    std::string version;  // of the user's entry: "auth process.digest"
    std::string files;    // of all users' files
    // Where his mail is on another machine: what proxy_target() wants to know.
    std::optional<AuthParameters> elsewhere;

    // False where the entry has changed in between, the password included.  Another auth process
    // gives other versions, which says nothing.
    bool is_still(const UserRecord& before) const;
};

// A client of the auth service that master has made, and of no other.
void use_own_auth(AuthClient& auth);

// `auth` must outlive the task.
[[nodiscard]] Task<Result<UserRecord>> who_logged_in(AuthClient* auth, LoginTicket ticket);

// The user as he would be now: kNotFound when there is none any more, kTemporary when that can't be
// known.
[[nodiscard]] Task<Result<UserRecord>> look_up_user(AuthClient* auth, std::string user);

// The same for mail that comes for him, and is put into his mailbox here: he need not be allowed to
// log in.
[[nodiscard]] Task<Result<UserRecord>> look_up_recipient(AuthClient* auth, std::string user);

// The same for mail that has come to this address (none: a UNIX-domain socket), and may have to go
// on to another machine.
[[nodiscard]] Task<Result<UserRecord>> look_up_recipient_at(AuthClient* auth, std::string user,
                                                            std::optional<SocketAddress> here);

}  // namespace relais

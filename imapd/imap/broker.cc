#include "imapd/imap/broker.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::chrono::hours kQuietTime{24 * 365};
constexpr std::chrono::seconds kHandOver{30};
constexpr std::chrono::seconds kHousework{10};
constexpr int kAttempts = 3;

long number_field(const AuthParameters& fields, std::string_view name) {
    auto value = parse_uint(fields.get(name));
    return value && *value < 0xffffffff ? static_cast<long>(*value) : -1;
}

// Between hand-overs a worker says nothing: what can be read is its end.
bool has_ended(Stream* stream) {
    try {
        return !stream->fill_now();
    } catch (const IoError&) {
        return true;
    }
}

}  // namespace

Broker::Broker() : auth_("private/" + conf().imap_auth_service_name()) {
}

Task<void> Broker::serve(UniqueFd fd) {
    Stream stream(std::move(fd));
    stream.set_timeout(kQuietTime);
    try {
        for (;;) {
            UniqueFd client = co_await stream.receive_fd();
            auto list = co_await read_attributes(&stream);
            auto handoff = list ? ImapHandoff::parse(*list) : fail_with(list);
            if (!handoff) {
                log_warning("malformed hand-over: {}", handoff.error().message);
                co_return;
            }
            auto passed = co_await pass_on(std::move(client), std::move(*handoff));
            stream.write(imap_handoff_answer(passed ? 0 : 1, passed ? "" : passed.error().message));
            co_await stream.flush();
        }
    } catch (const IoError&) {
        // The login process has gone.
    } catch (const TimedOut&) {
    }
}

Task<Result<WorkerIdentity>> Broker::identify(ImapHandoff handoff) {
    AuthExchange exchange(auth_);
    AuthReply who =
        co_await exchange.request_user(handoff.client_pid, handoff.request, handoff.cookie);
    if (who.kind != AuthReply::Kind::kSuccess) {
        co_return fail(Errc::kDenied, "the auth service does not know of this login");
    }
    WorkerIdentity identity;
    identity.user = who.user;
    identity.home = who.parameters.get("home");
    identity.mail = who.parameters.get("mail");
    identity.uid = number_field(who.parameters, "uid");
    identity.gid = number_field(who.parameters, "gid");
    co_return identity;
}

Result<std::shared_ptr<Broker::WorkerLink>> Broker::worker_for(const WorkerIdentity& identity) {
    auto found = workers_.find(identity.user);
    if (found != workers_.end() && !found->second->dead) {
        return found->second;
    }
    auto control = spawner_.start(identity);
    if (!control) {
        return fail_with(control);
    }
    auto link = std::make_shared<WorkerLink>(std::move(*control));
    link->stream.set_timeout(kHandOver);
    workers_.insert_or_assign(identity.user, link);
    return link;
}

Task<Result<void>> Broker::pass_on(UniqueFd fd, ImapHandoff handoff) {
    SessionStart start{handoff.tag, handoff.input, handoff.remote_address, handoff.secured};
    auto identity = co_await identify(std::move(handoff));
    if (!identity) {
        co_return fail_with(identity);
    }
    std::string trouble;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto link = worker_for(*identity);
        if (!link) {
            co_return fail_with(link);
        }
        // A process that ends just now takes nothing any more: the next attempt starts another.
        const std::shared_ptr<WorkerLink>& worker = *link;
        Semaphore::Place turn = co_await worker->turn.take();
        if (worker->dead) {
            continue;
        }
        try {
            auto sent =
                co_await send_imap_handoff(&worker->stream, fd.get(), serialize_start(start));
            if (sent || sent.error().code == Errc::kTemporary) {
                co_return sent;
            }
            trouble = sent.error().message;
        } catch (const IoError& error) {
            trouble = error.what();
        } catch (const TimedOut& error) {
            trouble = error.what();
        }
        worker->dead = true;
    }
    log_warning("user {}: no process takes the connection: {}", printable(identity->user), trouble);
    co_return fail(Errc::kSystem, "no process for this user");
}

Task<void> Broker::keep_house() {
    for (;;) {
        co_await sleep_for(kHousework);
        for (auto& [user, link] : workers_) {
            if (!link->dead && link->turn.free() > 0) {
                link->dead = has_ended(&link->stream);
            }
        }
        std::erase_if(workers_, [](const auto& entry) { return entry.second->dead; });
    }
}

}  // namespace relais

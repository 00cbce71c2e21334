#include "lib/access/broker.h"

#include <vector>

#include "lib/access/worker.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::chrono::hours kQuietTime{24 * 365};
constexpr std::chrono::seconds kHandOver{30};
constexpr std::chrono::seconds kHousework{5};
constexpr int kAttempts = 3;

// Between hand-overs a worker says nothing: what can be read is its end.
bool has_ended(Stream* stream) {
    try {
        return !stream->fill_now();
    } catch (const IoError&) {
        return true;
    }
}

}  // namespace

Broker::Broker(SessionService service)
    : service_(std::move(service)), spawner_(service_), auth_("private/" + service_.auth_service) {
    use_own_auth(auth_);
}

Task<void> Broker::serve(UniqueFd fd) {
    Stream stream(std::move(fd));
    stream.set_timeout(kQuietTime);
    try {
        for (;;) {
            UniqueFd client = co_await stream.receive_fd();
            auto list = co_await read_attributes(&stream);
            auto handoff = list ? SessionHandoff::parse(*list) : fail_with(list);
            if (!handoff) {
                log_warning("malformed hand-over: {}", handoff.error().message);
                co_return;
            }
            auto passed = co_await pass_on(std::move(client), std::move(*handoff));
            bool many = !passed && passed.error().code == Errc::kTemporary;
            HandoffStatus status = passed ? HandoffStatus::kTaken
                                   : many ? HandoffStatus::kTooMany
                                          : HandoffStatus::kTrouble;
            stream.write(handoff_answer(status, passed ? "" : passed.error().message));
            co_await stream.flush();
        }
    } catch (const IoError&) {
        // The login process has gone.
    } catch (const TimedOut&) {
    }
}

Result<Broker::WorkerPtr> Broker::worker_for(const UserRecord& user, const LoginTicket& ticket) {
    auto found = workers_.find(user.identity.user);
    if (found != workers_.end() && !found->second->dead) {
        if (found->second->user.identity == user.identity) {
            return found->second;
        }
        end_worker(found->second);
    }
    auto control = spawner_.start(ticket);
    if (!control) {
        return fail_with(control);
    }
    auto link = std::make_shared<WorkerLink>(std::move(*control), user);
    link->stream.set_timeout(kHandOver);
    workers_.insert_or_assign(user.identity.user, link);
    return link;
}

Task<Result<void>> Broker::hand_to(WorkerPtr worker, int fd, std::string list) {
    std::string trouble;
    try {
        auto sent = co_await send_handoff(&worker->stream, fd, std::move(list));
        bool answered = sent || sent.error().code == Errc::kTemporary;
        if (answered) {
            worker->fresh = false;
            co_return sent;
        }
        trouble = sent.error().message;
    } catch (const IoError& error) {
        trouble = error.what();
    } catch (const TimedOut& error) {
        trouble = error.what();
    }
    worker->dead = true;
    co_return fail(Errc::kClosed, trouble);
}

Task<Result<void>> Broker::pass_on(UniqueFd fd, SessionHandoff handoff) {
    SessionStart start{handoff.tag, handoff.input, handoff.remote_address, handoff.secured};
    LoginTicket ticket{handoff.cookie, handoff.client_pid, handoff.request};
    auto user = co_await who_logged_in(&auth_, ticket);
    if (!user) {
        log_warning("a connection is refused: {}", user.error().message);
        co_return fail(Errc::kDenied, user.error().message);
    }
    std::string trouble = "none could be started";
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto link = worker_for(*user, ticket);
        if (!link) {
            trouble = link.error().message;
            break;
        }
        const WorkerPtr& worker = *link;
        Semaphore::Place turn = co_await worker->turn.take();
        if (worker->dead) {
            continue;
        }
        bool fresh = worker->fresh;
        auto sent = co_await hand_to(worker, fd.get(), serialize_start(start));
        if (!worker->dead) {
            co_return sent;
        }
        trouble = sent.error().message;
        // A process that ends just now takes nothing any more: the next attempt starts another. One
        // that has not even begun was not to be had.
        if (fresh) {
            break;
        }
    }
    co_return co_await refuse(user->identity.user, std::move(trouble));
}

Task<Result<void>> Broker::refuse(std::string user, std::string trouble) {
    if (spawner_.is_gone()) {
        co_await sleep_for(kHandOver);
    }
    log_warning("user {}: no process takes the connection: {}", printable(user), trouble);
    co_return fail(Errc::kDenied, "no process for this user");
}

// He is not any more who he was: what was his is another's now, or nobody's.
void Broker::end_worker(WorkerPtr worker) {
    const std::string& name = worker->user.identity.user;
    auto found = workers_.find(name);
    if (found != workers_.end() && found->second == worker) {
        workers_.erase(found);
    }
    log_info("user {} was changed or removed: his sessions end", printable(name));
    beside_.spawn(tell_end(std::move(worker)));
}

Task<void> Broker::tell_end(WorkerPtr worker) {
    Semaphore::Place turn = co_await worker->turn.take();
    if (!worker->dead) {
        // The descriptor is of no use; it is what a hand-over begins with.
        auto told = co_await hand_to(worker, worker->stream.fd(), serialize_end());
        if (!told) {
            log_warning("user {}: his process did not end: {}",
                        printable(worker->user.identity.user), told.error().message);
        }
    }
    worker->dead = true;
}

// A change counts when two looks have seen it: a file that is being written is not whole.  Where
// the first user's record tells that the files have not changed, nobody else is asked about.
Task<void> Broker::look_for_changes() {
    std::vector<WorkerPtr> all;
    for (const auto& [name, worker] : workers_) {
        all.push_back(worker);
    }
    bool settled = true;
    std::string files;
    for (const WorkerPtr& worker : all) {
        auto now = co_await look_up_user(&auth_, worker->user.identity.user);
        if (!now && now.error().code != Errc::kNotFound) {
            co_return;
        }
        if (now && now->files == files_) {
            co_return;
        }
        if (now) {
            settled = settled && (files.empty() || files == now->files);  // changed meanwhile
            files = now->files;
        }
        bool same = now && now->is_still(worker->user);
        if (same) {
            worker->user = *now;
        } else if (worker->suspect && !worker->dead) {
            end_worker(worker);
        }
        worker->suspect = !same;
        settled = settled && same;
    }
    files_ = settled ? files : "";
}

Task<void> Broker::close() {
    co_await beside_.close();
    co_await auth_.close();
}

Task<void> Broker::keep_house() {
    beside_.spawn(spawner_.watch());
    for (;;) {
        co_await sleep_for(kHousework);
        for (auto& [user, link] : workers_) {
            if (!link->dead && link->turn.free() > 0) {
                link->dead = has_ended(&link->stream);
            }
        }
        std::erase_if(workers_, [](const auto& entry) { return entry.second->dead; });
        co_await look_for_changes();
    }
}

}  // namespace relais

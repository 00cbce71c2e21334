#include "tools/doveadm/at_server.h"

#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/sync/doveadm_client.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// Who calls, root as a rule, reads what the server says.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "@names"}},
    .reach = Reach::kServers,
};

// The server's words for exit statuses.
int status_in(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, int>, 5> kWords = {
        {{"USAGE", kUsage},
         {"DATAERR", kNotPossible},
         {"NOUSER", kNoUser},
         {"NOTFOUND", kNotFound},
         {"NOPERM", kNoPermission}}};
    for (const auto& [name, status] : kWords) {
        if (word == name) {
            return status;
        }
    }
    return kTemporary;
}

DoveadmClient::Request request_for(const ServerJob& job, const std::string& user) {
    DoveadmClient::Request request{user, {std::string(job.command.name)}};
    const Words options = job.options.without("AFSu");
    request.words.insert(request.words.end(), options.begin(), options.end());
    request.words.insert(request.words.end(), {"-u", user, "--"});
    if (auto input = job.mail_command.input()) {
        request.has_input = true;
        request.input = std::move(*input);
    } else {
        const Words& rest = job.options.rest();
        request.words.insert(request.words.end(), rest.begin(), rest.end());
    }
    return request;
}

// Rows with as many values as there are columns.
class Rows {
  public:
    Rows(const ServerJob& job, Printer& printer, const std::string& user)
        : job_(job), printer_(printer), user_(user) {}

    Result<void> take(std::string_view value) {
        if (job_.columns == 0) {
            return fail(Errc::kSyntax, "a table that the command does not have");
        }
        if (at_ == 0 && job_.names_user) {
            printer_.value(user_);
        }
        at_ = (at_ + 1) % job_.columns;
        printer_.value(value);
        return {};
    }

    // Fills up a row that has too few, so that the next is not taken for a part of it.
    bool finish() {
        const bool whole = at_ == 0;
        while (at_ != 0) {
            (void)take("");
        }
        return whole;
    }

  private:
    const ServerJob& job_;
    Printer& printer_;
    const std::string& user_;
    std::size_t at_ = 0;
};

int tell_outcome(const Result<std::string>& done, const std::string& user,
                 const std::string& server) {
    if (!done) {
        print_error(user, done.error().message);
        return kTemporary;
    }
    if (done->empty()) {
        return kOk;
    }
    if (*done == "NOUSER") {
        print_error(user, format("{}: No such user: {}", server, printable(user)));
    } else if (status_in(*done) == kTemporary) {
        print_error(user,
                    format("{}: Failed{}", server, *done == "-" ? "" : ": " + printable(*done)));
    }
    return status_in(*done);
}

}  // namespace

int run_at_server(const ServerJob& job, Printer& printer) {
    const std::string server = job.options.get('S');
    auto account = doveadm_account(job.globals.settings, server, ServerTlsUse::kNo);
    if (!account) {
        end_with(kTemporary, account.error().message);
    }
    enter_sandbox(kSandbox);
    std::string user;
    DoveadmClient client(std::move(*account), [&](std::string_view line) {
        print_error(user, format("remote({}): {}", server, printable(line)));
    });
    int status = kOk;
    for (const std::string& each : job.users) {
        user = each;
        Rows rows(job, printer, each);
        printer.set_user(each);
        auto done = Loop::current().run_task(client.command(
            request_for(job, each), [&rows](std::string_view value) { return rows.take(value); }));
        if (!rows.finish() && done) {
            done = fail(Errc::kSyntax, server + ": a row with too few values");
        }
        const int one = tell_outcome(done, each, server);
        status = one != kOk ? one : status;
    }
    return status;
}

}  // namespace relais::doveadm

// "|command": run with the rights of whoever put it where it stands.
#include "lib/deliver/command.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/config.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

// What a shell could act on becomes an underscore.
void censor(std::string& value) {
    const std::string& harmless = conf().command_expansion_filter();
    std::ranges::replace_if(value, [&](char c) { return !harmless.contains(c); }, '_');
}

std::vector<std::string> environment_of(const Branch& branch, const DeliveryRequest& request) {
    std::vector<std::string> out = exported_environment();
    auto always = [&out](std::string_view name, std::string value) {
        censor(value);
        out.push_back(format("{}={}", name, value));
    };
    auto given = [&always](std::string_view name, const std::string& value) {
        if (!value.empty()) {
            always(name, value);
        }
    };
    if (branch.rights) {
        given("HOME", branch.rights->home);
    }
    always("LOGNAME", branch.user);
    always("USER", branch.user);
    always("SENDER", branch.sender);
    always("RECIPIENT", branch.rcpt.address);
    always("LOCAL", branch.local);
    if (branch.rights) {
        given("SHELL", branch.rights->shell);
    }
    given("DOMAIN", branch.domain);
    given("EXTENSION", branch.extension);
    given("ORIGINAL_RECIPIENT", branch.rcpt.original);
    given("CLIENT_HOSTNAME", request.log_client_name);
    given("CLIENT_ADDRESS", request.log_client_address);
    given("CLIENT_HELO", request.log_helo_name);
    given("CLIENT_PROTOCOL", request.log_protocol_name);
    given("ENVID", request.envelope_id);
    given("SASL_METHOD", request.sasl_method);
    given("SASL_SENDER", request.sasl_sender);
    given("SASL_USERNAME", request.sasl_username);
    return out;
}

}  // namespace

Task<Disposition> Expansion::deliver_command(Branch branch, std::string command) {
    FileOwner rights = rights_of(branch);
    if (seen(format("command {}:{} {}", branch.user, rights.uid, command))) {
        co_return Disposition::kDone;
    }
    if (delivery_.is_probe()) {
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(2, 0, 0), "delivers to command: " + command);
        co_return co_await finish(&branch, std::move(status));
    }
    CommandSpec spec;
    spec.command = command;
    spec.shell = conf().local_command_shell();
    spec.environment = environment_of(branch, delivery_.request);
    spec.directory =
        expand_local(branch, "command_execution_directory", conf().command_execution_directory(),
                     conf().execution_directory_expansion_filter())
            .text;
    if (agent_.identity->privileged()) {
        spec.user = rights;
    }
    spec.time_limit = conf().command_time_limit();
    spec.copy = copy_for(branch, copy_addition::kCommand, kHeaderForCommands);
    DeliveryStatus status = co_await relais::deliver_to_command(&delivery_, std::move(spec));
    if (status.code().success()) {
        status.reason = "delivered to command: " + command;
    }
    co_return co_await finish_for_owner(&branch, std::move(status));
}

}  // namespace relais::local_agent

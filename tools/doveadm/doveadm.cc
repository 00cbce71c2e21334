// doveadm(1): Dovecot's command for scripts and for those who look after a mailbox server, with
// its command lines, outputs and exit statuses.
//
//     doveadm [-Dv] [-f form] [-c config_dir] command [options] [arguments]
//
// It asks the auth service who users are (auth_service.h), and works on their mail as them
// (mail_command.h), with the locks and files of the IMAP server.  Run by root for all users, by
// anybody for his own mail.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/status.h"

using namespace relais;
using namespace relais::doveadm;

namespace {

constexpr CommandKind kKind{"doveadm", kTemporary, CommandLog::kStderr};

#define USER_OPTIONS "[-u <user>|-A] [-F <file>] [-S <socket_path>] "

#define USER_LETTERS "AF:S:u:"

#define REPLICATOR_OPTION "[-a <replicator socket path>] "

#define SYNC_OPTIONS                                                                    \
    "fPRU] [-l <secs>] [-r <rawlog path>] [-m <mailbox>] [-g <mailbox guid>] "          \
    "[-n <namespace> | -N] [-x <exclude>] [-a <all mailbox>] [-s <state>] [-T <secs>] " \
    "[-t <start date>] [-e <end date>] [-O <sync flag>] [-I <max size>] -d|<dest>"

#define SYNC_LETTERS USER_LETTERS "fPNRUdl:r:m:g:n:x:a:s:T:t:e:O:I:"

constexpr Command kCommands[] = {
    {"acl add", USER_OPTIONS "<mailbox> <id> <right> [<right> ...]", USER_LETTERS, cmd_acl_add},
    {"acl delete", USER_OPTIONS "<mailbox> <id>", USER_LETTERS, cmd_acl_delete},
    {"acl get", USER_OPTIONS "[-m] <mailbox>", USER_LETTERS "m", cmd_acl_get},
    {"acl recalc", USER_OPTIONS, USER_LETTERS, cmd_acl_recalc},
    {"acl remove", USER_OPTIONS "<mailbox> <id> <right> [<right> ...]", USER_LETTERS,
     cmd_acl_remove},
    {"acl rights", USER_OPTIONS "<mailbox>", USER_LETTERS, cmd_acl_rights},
    {"acl set", USER_OPTIONS "<mailbox> <id> <right> [<right> ...]", USER_LETTERS, cmd_acl_set},
    {"altmove", USER_OPTIONS "[-r] <search query>", USER_LETTERS "r", cmd_altmove},
    {"auth cache flush", "[-a <socket path>] [<user> [...]]", "a:", cmd_auth_cache_flush},
    {"auth login", "[-a <socket path>] [-x <auth info>] [-M <master user>] <user> [<password>]",
     "a:x:M:", cmd_auth_login},
    {"auth lookup", "[-a <socket path>] [-f field] <user> [<user> [...]]", "a:f:", cmd_auth_lookup},
    {"auth test", "[-a <socket path>] [-x <auth info>] [-M <master user>] <user> [<password>]",
     "a:x:M:", cmd_auth_test},
    {"backup", USER_OPTIONS "[-" SYNC_OPTIONS, "+" SYNC_LETTERS, cmd_backup},
    {"config", "[doveconf parameters]", "", cmd_config},
    {"copy", USER_OPTIONS "<destination> [user <source user>] <search query>", USER_LETTERS,
     cmd_copy},
    {"deduplicate", USER_OPTIONS "[-m] <search query>", USER_LETTERS "m", cmd_deduplicate},
    {"dsync-server", "[-u <user>|-A] [-F <file>] [-T <timeout secs>] [-U]", "AF:u:T:U",
     cmd_dsync_server},
    {"expunge", USER_OPTIONS "[-d] <search query>", USER_LETTERS "d", cmd_expunge},
    {"fetch", USER_OPTIONS "<fields> <search query>", USER_LETTERS, cmd_fetch},
    {"flags add", USER_OPTIONS "<flags> <search query>", USER_LETTERS, cmd_flags_add},
    {"flags remove", USER_OPTIONS "<flags> <search query>", USER_LETTERS, cmd_flags_remove},
    {"flags replace", USER_OPTIONS "<flags> <search query>", USER_LETTERS, cmd_flags_replace},
    {"force-resync", USER_OPTIONS "<mailbox mask>", USER_LETTERS "f", cmd_force_resync},
    {"fts optimize", USER_OPTIONS, USER_LETTERS, cmd_fts},
    {"fts rescan", USER_OPTIONS, USER_LETTERS, cmd_fts},
    {"help", "[<cmd>]", "", cmd_help},
    {"import",
     USER_OPTIONS
     "[-U source-user] [-s] <source mail location> <dest parent mailbox> <search query>",
     USER_LETTERS "U:s", cmd_import},
    {"index", USER_OPTIONS "[-q] [-n <max recent>] <mailbox mask>", USER_LETTERS "qn:", cmd_index},
    {"instance list", "[<name>]", "", cmd_instance_list},
    {"instance remove", "<name> | <base dir>", "", cmd_instance_remove},
    {"kick", "[-a <anvil socket path>] <user mask>[|]<ip/bits>", "a:", cmd_kick},
    {"log errors", "[-s <min timestamp>]", "s:", cmd_log_errors},
    {"log find", "[<dir>]", "", cmd_log_find},
    {"log reopen", "", "", cmd_log_reopen},
    {"log test", "", "", cmd_log_test},
    {"mailbox create", USER_OPTIONS "[-s] <mailbox> [...]", USER_LETTERS "s", cmd_mailbox_create},
    {"mailbox delete", USER_OPTIONS "[-e] [-r] [-s] [-Z] <mailbox> [...]", USER_LETTERS "ersZ",
     cmd_mailbox_delete},
    {"mailbox list", USER_OPTIONS "[-7|-8] [-s] [<mailbox mask> [...]]", USER_LETTERS "78s",
     cmd_mailbox_list},
    {"mailbox metadata get", USER_OPTIONS "[-s] <mailbox> <key>", USER_LETTERS "s",
     cmd_mailbox_metadata_get},
    {"mailbox metadata list", USER_OPTIONS "[-s] <mailbox> [<key prefix>]", USER_LETTERS "s",
     cmd_mailbox_metadata_list},
    {"mailbox metadata set", USER_OPTIONS "[-s] <mailbox> <key> <value>", USER_LETTERS "s",
     cmd_mailbox_metadata_set},
    {"mailbox metadata unset", USER_OPTIONS "[-s] <mailbox> <key>", USER_LETTERS "s",
     cmd_mailbox_metadata_unset},
    {"mailbox mutf7", "[-7|-8] <name> [...]", "78", cmd_mailbox_mutf7},
    {"mailbox path", USER_OPTIONS "[-t <type>] <mailbox>", USER_LETTERS "t:", cmd_mailbox_path},
    {"mailbox rename", USER_OPTIONS "[-s] <old name> <new name>", USER_LETTERS "s",
     cmd_mailbox_rename},
    {"mailbox status", USER_OPTIONS "[-t] <fields> <mailbox> [...]", USER_LETTERS "t",
     cmd_mailbox_status},
    {"mailbox subscribe", USER_OPTIONS "<mailbox> [...]", USER_LETTERS, cmd_mailbox_subscribe},
    {"mailbox unsubscribe", USER_OPTIONS "<mailbox> [...]", USER_LETTERS, cmd_mailbox_unsubscribe},
    {"move", USER_OPTIONS "<destination> [user <source user>] <search query>", USER_LETTERS,
     cmd_move},
    {"penalty", "[-a <anvil socket path>] [<ip/bits>]", "a:", cmd_penalty},
    {"process status", "[<service> [...]]", "", cmd_process_status},
    {"purge", USER_OPTIONS, USER_LETTERS, cmd_purge},
    {"pw", "[-l] [-p plaintext] [-r rounds] [-s scheme] [-t hash] [-u user] [-V]", "lp:r:s:t:u:V",
     cmd_pw},
    {"quota get", USER_OPTIONS, USER_LETTERS, cmd_quota_get},
    {"quota recalc", USER_OPTIONS, USER_LETTERS, cmd_quota_recalc},
    {"reload", "", "", cmd_reload},
    {"replicator add", REPLICATOR_OPTION "<user mask>", "a:", cmd_replicator},
    {"replicator dsync-status", REPLICATOR_OPTION, "a:", cmd_replicator},
    {"replicator remove", REPLICATOR_OPTION "<username>", "a:", cmd_replicator},
    {"replicator replicate", REPLICATOR_OPTION "[-f] [-p <priority>] <user mask>",
     "a:fp:", cmd_replicator},
    {"replicator status", REPLICATOR_OPTION "[<user mask>]", "a:", cmd_replicator},
    {"save", USER_OPTIONS "[-m mailbox] [<file>]", USER_LETTERS "m:", cmd_save},
    {"search", USER_OPTIONS "<search query>", USER_LETTERS, cmd_search},
    {"service status", "[<service> [...]]", "", cmd_service_status},
    {"service stop", "<service> [<service> [...]]", "", cmd_service_stop},
    {"stats dump", "[-s <stats socket path>] [-r] [-f <fields>]", "s:rf:", cmd_stats_dump},
    {"stop", "", "", cmd_stop},
    {"sync", USER_OPTIONS "[-1" SYNC_OPTIONS, "+1" SYNC_LETTERS, cmd_sync},
    {"user", "[-a <socket path>] [-f field] [-e <value>] [-u] <user mask> [<user mask> [...]]",
     "a:x:f:e:u", cmd_user},
    {"who", "[-a <anvil socket path>] [-1] [<user mask>] [<ip/bits>]", "a:1", cmd_who},
};

// The commands below `group` ("mailbox"), or all: one line for each word that may come next.
[[noreturn]] void usage(const std::string& group = "") {
    std::string prefix = group.empty() ? "" : group + " ";
    std::map<std::string, std::string> lines;
    for (const Command& command : kCommands) {
        if (!command.name.starts_with(prefix)) {
            continue;
        }
        auto words = split_words(command.name.substr(prefix.size()));
        std::string& line = lines[std::string(words[0])];
        if (words.size() > 1) {
            auto listed = split_fields(line, '|');
            bool there = std::ranges::find(listed, words[1]) != listed.end();
            line += there ? "" : (line.empty() ? "" : "|") + std::string(words[1]);
        } else {
            line = command.usage;
        }
    }
    std::fprintf(stderr, "usage: doveadm [-Dv] [-f <formatter>] %s<command> [<args>]\n",
                 prefix.c_str());
    for (const auto& [name, rest] : lines) {
        std::fprintf(stderr, "  %-12s %s\n", name.c_str(), rest.c_str());
    }
    std::exit(kUsage);
}

// A directory with our main.cf; a file is one of Dovecot's.
void take_configuration(Globals& globals, const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        globals.settings.take_file(path);
    } else {
        use_config_directory(path);
    }
}

Globals parse_globals(int argc, char** argv) {
    Globals globals;
    for (int option; (option = ::getopt(argc, argv, "+c:Df:ho:v")) != -1;) {
        switch (option) {
            case 'c':
                take_configuration(globals, ::optarg);
                break;
            case 'D':
                globals.debug = globals.verbose = true;
                set_log_verbose(1);
                break;
            case 'f':
                globals.form = ::optarg;
                break;
            case 'o':
                globals.settings.take(::optarg);
                break;
            case 'v':
                globals.verbose = true;
                break;
            case 'h':
                usage();
            default:
                std::exit(kBadOption);
        }
    }
    if (!globals.form.empty() && !Printer::make(globals.form)) {
        end_with(kTemporary, "Unknown print formatter: " + printable(globals.form), "doveadm");
    }
    return globals;
}

bool begins_with(const Words& words, const Command& command) {
    auto name = split_words(command.name);
    return words.size() >= name.size() && std::equal(name.begin(), name.end(), words.begin());
}

int run(Words words, const Globals& globals) {
    if (words == Words{"help"}) {
        usage();
    }
    for (const Command& command : kCommands) {
        if (begins_with(words, command)) {
            auto taken = static_cast<std::ptrdiff_t>(split_words(command.name).size());
            configure_command(kKind);
            return command.run(command, Words(words.begin() + taken, words.end()), globals);
        }
    }
    bool group = std::ranges::any_of(kCommands, [&words](const Command& command) {
        return !words.empty() && command.name.starts_with(words[0] + " ");
    });
    usage(group ? words[0] : "");
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    begin_command(kKind, argv);
    Globals globals = parse_globals(argc, argv);
    int status = run(Words(argv + ::optind, argv + argc), globals);
    return std::fflush(stdout) == 0 ? status : kTemporary;
}

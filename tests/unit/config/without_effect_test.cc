// Which settings an administrator is told about, because nothing reads them.
#include "lib/config/without_effect.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// The first parameter of that type that nothing reads; the table shrinks, so no name is written
// here.
std::string unread(ParameterType type) {
    for (std::size_t i = 0; i < parameter_count(); ++i) {
        auto info = parameter_at(i);
        if (!info.implemented && info.type == type && !info.default_text.contains('$')) {
            return std::string(info.name);
        }
    }
    return {};
}

std::vector<MasterService> services(std::string_view text) {
    return parse_master_cf(text, {}, "/etc/postfix/master.cf").value();
}

std::vector<std::string> places(const std::vector<SettingWithoutEffect>& settings) {
    std::vector<std::string> out;
    for (const auto& setting : settings) {
        out.push_back(setting.name + " " + setting.place);
    }
    return out;
}

}  // namespace

TEST_CASE("config/without_effect: what main.cf and -o set, with its place") {
    auto name = unread(ParameterType::kString);
    if (name.empty()) {
        return;
    }
    auto config = Config::from_text("soft_bounce = yes\n" + name + " = some:thing\n");
    std::string directory = "/etc/postfix";
    auto master = services("a unix - - n - 1 anvil\n  -v -o " + name +
                           "=other:thing\n  -o soft_bounce=no\n"
                           "b unix - - n - 1 anvil\n  -o { " +
                           name + " = third thing }\n");
    auto found = settings_without_effect(config, master);
    std::string in_main = name + " " + config.setting(name)->file + ":2";
    CHECK(places(found) == std::vector<std::string>{name + " " + directory + "/master.cf:1",
                                                    name + " " + directory + "/master.cf:4",
                                                    in_main});
    CHECK(found.at(1).value == "third thing");
    CHECK(settings_without_effect(config, {}).size() == 1);
    CHECK(settings_without_effect(Config::from_text("soft_bounce = yes\n"), {}).empty());
}

TEST_CASE("config/without_effect: a setting that says what the default says is no news") {
    auto name = unread(ParameterType::kBool);
    if (name.empty()) {
        return;
    }
    bool normal = parameter_at(*find_parameter(name)).default_text == "yes";
    auto same = Config::from_text("word = " + std::string(normal ? "YES" : "No") + "\n" + name +
                                  " = $word\n");
    CHECK(settings_without_effect(same, {}).empty());
    auto other = Config::from_text(name + " = " + std::string(normal ? "no" : "yes") + "\n");
    CHECK(settings_without_effect(other, {}).size() == 1);
    auto broken = Config::from_text(name + " = maybe\n");
    CHECK(settings_without_effect(broken, {}).size() == 1);
}

TEST_CASE("config/without_effect: times are compared, not their spelling") {
    auto config = Config::from_text("queue_run_delay = 5m\n");
    CHECK(config.is_default(*find_parameter("queue_run_delay"), "5m"));
    CHECK(config.is_default(*find_parameter("queue_run_delay"), "300"));
    CHECK_FALSE(config.is_default(*find_parameter("queue_run_delay"), "301"));
    CHECK(config.is_default(*find_parameter("relayhost"), ""));
}

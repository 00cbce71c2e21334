// What the compiler must get right for our coroutines.  Each case is one that some compiler (g++ 12
// above all) translates without a warning into a double destruction, a leak or a stack overflow.
// Built with ASan and UBSan whatever the mode of the rest; objects that are alive are counted.
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/event/loop.h"
#include "lib/event/task.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

int alive = 0;

// Counts itself, and owns memory so that ASan sees a second destruction.
class Counted {
  public:
    Counted() { ++alive; }

    explicit Counted(std::string text) : text_(std::make_unique<std::string>(std::move(text))) {
        ++alive;
    }

    Counted(const Counted& other) : text_(std::make_unique<std::string>(other.text())) { ++alive; }

    Counted(Counted&& other) noexcept : text_(std::move(other.text_)) { ++alive; }

    Counted& operator=(const Counted& other) {
        text_ = std::make_unique<std::string>(other.text());
        return *this;
    }

    Counted& operator=(Counted&& other) noexcept {
        text_ = std::move(other.text_);
        return *this;
    }

    ~Counted() { --alive; }

    std::string text() const { return text_ ? *text_ : std::string(); }

  private:
    std::unique_ptr<std::string> text_ = std::make_unique<std::string>();
};

struct Aggregate {
    Counted first;
    Counted second;
    int number = 0;
};

struct Wrapper {
    explicit Wrapper(Aggregate inner) : held(std::move(inner)) {}

    Aggregate held;
};

Task<std::string> take(Counted value) {
    co_return value.text();
}

Task<std::string> take_aggregate(Aggregate value) {
    co_return value.first.text() + value.second.text();
}

Task<std::string> take_array(std::array<Counted, 2> value) {
    co_return value[0].text() + value[1].text();
}

Task<std::string> take_wrapper(Wrapper value) {
    co_return value.held.first.text();
}

Task<std::string> with_default(int number, Aggregate options = {}) {
    co_return std::to_string(number) + options.first.text();
}

Task<std::string> take_vector(std::vector<std::string> values) {
    std::string all;
    for (const std::string& value : values) {
        all += value;
    }
    co_return all;
}

Task<std::string> call(std::function<std::string()> function) {
    co_return function();
}

template <class F>
Task<std::string> call_directly(F function) {
    co_return function();
}

Task<Counted> make(std::string text) {
    co_return Counted(std::move(text));
}

Task<Aggregate> make_aggregate() {
    Counted first = co_await make("a");
    co_return Aggregate{.first = std::move(first), .second = co_await make("b"), .number = 3};
}

Task<std::string> choose(bool which) {
    co_return which ? "yes" : "no";
}

// Runs a task and checks that everything it made is gone.
template <class T>
T run(Task<T> task) {
    return Loop::current().run_task(std::move(task));
}

}  // namespace

TEST_CASE("compiler/temporaries: aggregates beside co_await are destroyed once") {
    struct Cases {
        static Task<std::string> all() {
            std::string out = co_await take_aggregate(Aggregate{Counted("1"), Counted("2"), 0});
            out += co_await take_aggregate({.first = Counted("3"), .second = Counted("4")});
            out += co_await take_aggregate({});
            out += co_await take_aggregate(Aggregate(Counted("5"), Counted("6"), 1));
            out += co_await take_array(std::array<Counted, 2>{Counted("7"), Counted("8")});
            out += co_await take_wrapper(Wrapper(Aggregate{Counted("9"), Counted("x"), 0}));
            co_return out;
        }
    };

    REQUIRE(run(Cases::all()) == "123456789");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/default-arguments: of aggregate type are destroyed once") {
    struct Cases {
        static Task<std::string> all() {
            std::string out = co_await with_default(1);
            out += co_await with_default(2, {.first = Counted("z"), .second = Counted()});
            co_return out;
        }
    };

    REQUIRE(run(Cases::all()) == "12z");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/lambdas: captures of a lambda given to a coroutine are destroyed once") {
    struct Cases {
        static Task<std::string> all() {
            Counted value("captured");
            std::string out = co_await call_directly([value] { return value.text(); });
            out += co_await call([value] { return value.text(); });
            out += co_await call_directly([v = co_await make("!")] { return v.text(); });
            co_return out;
        }
    };

    REQUIRE(run(Cases::all()) == "capturedcaptured!");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/conditional: temporaries on both sides of ?: are destroyed once") {
    struct Cases {
        static Task<std::string> all(bool flag) {
            std::string text = "c";
            Counted chosen = flag ? co_await make("left") : Counted("right");
            std::string out = chosen.text();
            out += co_await (flag ? choose(true) : choose(false));
            out += co_await take(Counted(flag ? text + "a" : "b"));
            co_return out;
        }
    };

    REQUIRE(run(Cases::all(true)) == "leftyesca");
    REQUIRE(run(Cases::all(false)) == "rightnob");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/initialisers: awaits inside braces") {
    struct Cases {
        static Task<std::string> all() {
            Aggregate value{co_await make("1"), co_await make("2"), 0};
            Aggregate returned = co_await make_aggregate();
            std::string out = value.first.text() + value.second.text() + returned.first.text() +
                              returned.second.text();
            out += co_await take_vector({"x", "y"});
            std::vector<std::string> both{co_await choose(true), co_await choose(false)};
            co_return out + both[0] + both[1];
        }
    };

    REQUIRE(run(Cases::all()) == "12abxyyesno");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/bindings: a structured binding of an awaited value is destroyed once") {
    struct Cases {
        static Task<std::string> all() {
            auto [first, second, number] = co_await make_aggregate();
            co_return first.text() + second.text() + std::to_string(number);
        }
    };

    REQUIRE(run(Cases::all()) == "ab3");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/exceptions: temporaries alive at a throw are destroyed once") {
    struct Cases {
        static Task<Counted> failing(Counted) {
            throw std::runtime_error("thrown");
            co_return Counted();
        }

        static Task<std::string> all() {
            try {
                Aggregate value{co_await make("1"), co_await failing(Counted("2")), 0};
                co_return "not thrown";
            } catch (const std::runtime_error& error) {
                co_return error.what();
            }
        }
    };

    REQUIRE(run(Cases::all()) == "thrown");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/parameters: move-only parameters and results") {
    struct Cases {
        static Task<std::unique_ptr<int>> pass(std::unique_ptr<int> value) {
            co_return std::move(value);
        }

        static Task<int> all() {
            std::unique_ptr<int> value = co_await pass(std::make_unique<int>(41));
            co_return *co_await pass(std::move(value)) + 1;
        }
    };

    REQUIRE(run(Cases::all()) == 42);
}

TEST_CASE("compiler/loops: awaits in conditions and ranges") {
    struct Cases {
        static Task<std::vector<Counted>> list() {
            std::vector<Counted> made;
            made.emplace_back("a");
            made.emplace_back("b");
            co_return made;
        }

        static Task<std::string> all() {
            std::string out;
            for (const Counted& item : co_await list()) {
                out += item.text();
            }
            int rounds = 0;
            while ((co_await choose(rounds < 3)) == "yes") {
                ++rounds;
            }
            if (std::string word = co_await choose(true); word == "yes") {
                out += word;
            }
            co_return out + std::to_string(rounds);
        }
    };

    REQUIRE(run(Cases::all()) == "abyes3");
    REQUIRE(alive == 0);
}

TEST_CASE("compiler/stack: a million tasks that finish at once, one after the other") {
    struct Cases {
        static Task<int> one(int number) { co_return number % 2; }

        static Task<long> all() {
            long sum = 0;
            for (int i = 0; i < 1'000'000; ++i) {
                sum += co_await one(i);
            }
            co_return sum;
        }
    };

    REQUIRE(run(Cases::all()) == 500'000);
}

TEST_CASE("compiler/stack: a chain of a thousand tasks unwinds through an exception") {
    struct Cases {
        static Task<int> down(int depth) {
            Counted guard("x");
            if (depth == 0) {
                throw std::runtime_error("bottom");
            }
            co_return co_await down(depth - 1);
        }
    };

    REQUIRE_THROWS_AS(run(Cases::down(1000)), std::runtime_error);
    REQUIRE(alive == 0);
}

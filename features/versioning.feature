Feature: Versions
  It can be seen of every answer which build gave it, so that a fault is looked for in the right one.

  Scenario: Anybody is told which build it is
    Given Bert has no account
    Then Manuel tells Bert which build it is

  Scenario: Every part of Manuel is the same build
    Then one build answers Anna to every call

  Scenario Outline: A refusal names the build, too: <call> with <flaw>
    When Anna tries to "<call>" with "<flaw>"
    Then the answer to Anna names the build

    Examples:
      | call            | flaw         |
      | upload a manual | no signature |

    @direct
    Examples: What a firewall in front refuses by itself
      | call           | flaw     |
      | ask a question | no token |

  @allowlist @addresses
  Scenario: A refusal for the place names the build, too
    Given Anna is at a place that is not allowed
    When Anna tries to "list the manuals"
    Then the answer to Anna names the build

  Scenario: The number of the version is one
    Then Manuel tells Anna one number of its version

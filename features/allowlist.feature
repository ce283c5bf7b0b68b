@allowlist @addresses
Feature: Allowlist of places
  Where Manuel is for some places only, nobody is served from any other, whoever they are: they are turned away before
  anything else is looked at. The place is where the connection comes from, not what a call says of it.

  Scenario Outline: From <address>, at the edge of the list, people are let in
    Given Anna is at the address "<address>"
    When Anna tries to "see the quota"
    Then Anna is let in

    Examples:
      | address         |
      | 127.127.255.254 |
      | 127.191.255.254 |
      | 127.192.0.1     |
      | 127.223.255.254 |

  Scenario Outline: From <address>, just beyond the list, nobody is let in
    Given Anna is at the address "<address>"
    When Anna tries to "see the quota"
    Then Anna is refused because "the place is not allowed"

    Examples:
      | address         |
      | 127.224.0.1     |
      | 127.255.255.254 |

  @stores
  Scenario Outline: From elsewhere nobody may <call>, signed in or not
    Given Anna is at a place that is not allowed
    When Anna tries to "<call>"
    Then Anna is refused because "the place is not allowed"
    And nothing is stored or charged for Anna

    Examples:
      | call                          |
      | ask a question                |
      | have a recording written down |
      | list the manuals              |
      | upload a manual               |
      | fetch a manual from the web   |
      | delete a manual               |
      | see the usage                 |
      | see the indexing              |
      | see how its parts are         |
      | call what is not there        |

  Scenario Outline: The place is looked at before anything else: <call> with <flaw>
    Given Anna is at a place that is not allowed
    When Anna tries to "<call>" with "<flaw>"
    Then Anna is refused because "the place is not allowed"

    Examples:
      | call                   | flaw         |
      | upload what is no file | no signature |

    @direct
    Examples: What a firewall in front refuses by itself
      | call                            | flaw         |
      | ask a question                  | no token     |
      | list the manuals                | half a token |
      | call in a way that is not there | no token     |

  Scenario: Calls from elsewhere do not count towards anybody's limit
    Given Anna is at a place that is not allowed
    And Anna calls from there more often than the rate limit allows
    When Anna is at the address "127.212.7.9"
    And Anna calls once more
    Then Anna is served

  Scenario: Nobody gets in by saying to come from a place that is allowed
    Given Anna is at a place that is not allowed
    When Anna tries to "see the quota" and says to come from "127.0.0.1"
    Then Anna is refused because "the place is not allowed"

  Scenario: Nothing that is said of a place opens the door
    Given Anna is at a place that is not allowed
    Then nothing that Anna says of the place lets the call in

  Scenario: Nobody is kept out by what a call says of its place
    When Anna tries to "see the quota" and says to come from "127.224.0.1"
    Then Anna is let in

  Scenario Outline: From everywhere anybody may <call>
    Given Bert has no account
    And Bert is at a place that is not allowed
    When Bert tries to "<call>"
    Then Bert is let in

    Examples:
      | call                           |
      | see whether Manuel is up       |
      | see which build it is          |
      | ask for leave to ask a question |

@addresses
Feature: Rate limit
  Nobody can drown the others: a person, and an address, may call only so often in a window that slides. Whoever was
  refused does not wait longer for having tried.

  Scenario: Up to the limit everybody is served, and not beyond
    Given Anna calls as often as the rate limit allows
    When Anna calls once more
    Then Anna is asked to slow down

  Scenario: One person's calls are not another's
    Given Anna calls as often as the rate limit allows
    When Bert calls once more
    Then Bert is served

  Scenario: Those who share an address share its limit
    Given Anna and Bert share an address
    And Anna calls as often as the rate limit allows
    When Bert calls once more
    Then Bert is asked to slow down

  @clock
  Scenario: After the wait that was told, there is room again
    Given Anna calls as often as the rate limit allows
    When Anna calls once more
    Then Anna is asked to slow down
    When the wait that Anna was told passes
    And Anna calls once more
    Then Anna is served

  @clock
  Scenario: Refused calls do not prolong the wait
    Given Anna calls as often as the rate limit allows
    When Anna calls once more
    Then Anna is asked to slow down
    When 30 seconds pass
    And Anna is refused 30 times for calling too often
    And 31 seconds pass
    And Anna calls once more
    Then Anna is served

  Scenario: Whether Manuel is up can be asked beyond every limit
    Given Anna calls as often as the rate limit allows
    Then Anna can look whether Manuel is up 20 times at once

  @stores
  Scenario: A question that is refused for calling too often is not charged
    Given Anna calls as often as the rate limit allows
    When Anna asks "How do I reset it?"
    Then Anna is refused because "there were too many calls"
    And Anna is charged 0 questions

  Scenario: Who changes the place does not get round the limit
    Given Anna calls as often as the rate limit allows
    When Anna is at the address "127.213.7.9"
    And Anna calls once more
    Then Anna is asked to slow down

  @direct
  Scenario: Calls of nobody count for the place that they come from
    Given Anna calls as often as the rate limit allows
    When Anna tries to "list the manuals" with "no token"
    Then Anna is refused because "there were too many calls"
    When Anna tries to "call what is not there"
    Then Anna is refused because "there were too many calls"

  @clock
  Scenario: The limit holds for the whole of its minute
    Given Anna calls as often as the rate limit allows
    When 50 seconds pass
    And Anna calls once more
    Then Anna is asked to slow down

  @outages
  Scenario: Calls that cannot be counted are not made
    Given "the calls cannot be counted" for Anna
    When Anna calls once more
    Then Anna is refused because "the counters are out"
